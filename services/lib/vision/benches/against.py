#!/usr/bin/env python3
"""Decode + resize to 299x299 RGB: Hydra against Pillow and OpenCV on the same files.

usage: against.py DECODE_RESIZE_EXAMPLE FILE...
needs: pip install numpy pillow opencv-python-headless

The three take turns, one thread each; printed are medians over all turns in milliseconds of core,
so that other work on the machine does not count.
"""
import io, json, statistics, subprocess, sys, time

import cv2
import numpy
from PIL import Image

TURNS, ROUNDS = 9, 10
cv2.setNumThreads(1)


def pillow(data):
    return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((299, 299), Image.BILINEAR))


def opencv(data):
    image = cv2.imdecode(numpy.frombuffer(data, numpy.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(image, (299, 299), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def mean_ms(work, files):
    begun = time.thread_time()
    for _ in range(ROUNDS):
        for data in files:
            work(data)
    return (time.thread_time() - begun) * 1e3 / ROUNDS / len(files)


def main():
    example, names = sys.argv[1], sys.argv[2:]
    files = [open(name, "rb").read() for name in names]
    found = {"hydra": [], "hydra with packing": [], "pillow": [], "opencv": []}
    for _ in range(TURNS):
        line = json.loads(subprocess.check_output([example, str(ROUNDS), *names]))
        found["hydra"].append(line["decode_resize_ms"])
        found["hydra with packing"].append(line["decode_resize_pack_ms"])
        found["pillow"].append(mean_ms(pillow, files))
        found["opencv"].append(mean_ms(opencv, files))
    ours = statistics.median(found["hydra"])
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"{name:20} {middle:7.2f} ms  [{min(times):.2f}, {max(times):.2f}]  {middle / ours:5.2f}x")
    print(json.dumps({name: statistics.median(times) for name, times in found.items()}))


main()
