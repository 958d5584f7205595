"""Milliseconds a plot that Pillow or OpenCV takes to decode and resize, on one thread."""

import pathlib
import sys
import time

which, passes, side, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
files = [path.read_bytes() for path in sorted(pathlib.Path(folder).glob("*.png"))]

if which == "pillow":
    import io

    import numpy
    from PIL import Image

    def work(data):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return numpy.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
else:
    import cv2
    import numpy

    cv2.setNumThreads(1)

    def work(data):
        image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)
        image = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


work(files[0])
begun = time.perf_counter()
for _ in range(passes):
    for data in files:
        work(data)
print((time.perf_counter() - begun) * 1e3 / (passes * len(files)))
