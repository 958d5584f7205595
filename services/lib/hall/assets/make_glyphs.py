#!/usr/bin/env python3
"""Writes `sans.glyphs`, the text of the simulated plots, from Arimo (Helvetica's metrics, as ROOT uses).

    pip install pillow && apt-get download fonts-croscore && dpkg -x fonts-croscore*.deb fc
    ./make_glyphs.py fc/usr/share/fonts/truetype/croscore sans.glyphs

Format, little endian: u8 faces; per face: u8 bold, u8 size in pixels, u8 ascent, u8 descent, u16 glyphs; per
glyph, ordered by code point: u32 code point, u8 width, u8 height, i8 left, i8 top (down from the ascent),
u8 advance, then rows of coverage, 4 bits a pixel, high half first, each row padded to whole bytes.
"""
import struct, sys
from PIL import Image, ImageDraw, ImageFont

TEXT = [chr(c) for c in range(32, 127)] + list("±·×²³µ°ΔΩγθμπσφχ−√⁰¹⁴⁵⁶⁷⁸⁹")
FACES = [(0, 12), (0, 14), (1, 13), (1, 16)]


def main(folder, target):
    out = bytearray([len(FACES)])
    for bold, size in FACES:
        path = f"{folder}/Arimo-{'Bold' if bold else 'Regular'}.ttf"
        font = ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
        ascent, descent = font.getmetrics()
        glyphs = bytearray()
        count = 0
        for char in sorted(set(TEXT)):
            image = Image.new("L", (4 * size, 4 * size), 0)
            ImageDraw.Draw(image).text((size, size), char, fill=255, font=font)
            box = image.getbbox() or (size, size, size, size)
            left, top, right, bottom = box
            width, height = right - left, bottom - top
            glyphs += struct.pack("<IBBbbB", ord(char), width, height, left - size, top - size,
                                  round(font.getlength(char)))
            for y in range(top, bottom):
                row = [(image.getpixel((x, y)) + 8) // 17 for x in range(left, right)]
                row += [0] * (len(row) % 2)
                glyphs += bytes(a << 4 | b for a, b in zip(row[::2], row[1::2]))
            count += 1
        out += struct.pack("<BBBBH", bold, size, ascent, descent, count) + glyphs
    open(target, "wb").write(out)
    print(len(out), "bytes")


main(*sys.argv[1:])
