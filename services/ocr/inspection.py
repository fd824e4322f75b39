"""Where the text in a picture is and how high, found without reading it: a fraction of the time that reading takes.

The detector also marks round things, as faces and wheels, which are no text. Wide boxes are believed; of the others a
few are looked at by the recogniser. Knows no queue and no artifact store.
"""

import time
from dataclasses import dataclass

import numpy as np

from services.ocr.detection import Quads, find_boxes
from services.ocr.loading import OcrModels, Pixels
from services.ocr.pose import crop
from services.ocr.recognition import recognise
from shared.imaging import open_own
from shared.job_base import Box

LINE = 3.0
"""Width in heights from which on a box is a line: of 200 pictures without text none had a wider one."""
WORD = 1.2
"""The same for what may be a short word, such as a price, and is looked at."""
LOOKED_AT = 8
"""Boxes that are looked at; where so many are no words, the others will not be."""
CHARACTERS, CONFIDENCE = 3, 0.8
"""What a word has at least: of the same pictures none had a box that was read so."""
GROWN, MARGIN = 1.4, 5.0
"""A box is so many capitals high, and so many pixels more: fitted to pages with capitals of 4 to 41 px in four fonts,
where it is wrong by up to 1 px."""


@dataclass(frozen=True)
class Inspected:
    """Heights of a capital letter in each line, about, in pixels of the picture; rising. Boxes in that order."""

    heights: tuple[float, ...]
    boxes: tuple[Box, ...]
    width: int
    height: int
    seconds: float


def inspect(models: OcrModels, png: bytes, max_pixels: int) -> Inspected:
    """Look for text in a picture of our own making. The first look takes in up to `max_pixels`."""
    started = time.perf_counter()
    opened = open_own(png)
    image: Pixels = np.asarray(opened)[:, :, ::-1].copy()
    quads = find_boxes(models.detector, image, max_pixels)
    found = sorted((capital_height(short), box_around(quad)) for short, quad in lines_among(models, image, quads))
    heights, boxes = tuple(height for height, _ in found), tuple(box for _, box in found)
    return Inspected(heights, boxes, *opened.size, time.perf_counter() - started)


def lines_among(models: OcrModels, image: Pixels, quads: Quads) -> list[tuple[float, Quads]]:
    """The shorter sides, in pixels, of those boxes that are text, with the boxes."""
    found: list[tuple[float, Quads]] = []
    looked_at = 0
    for quad in quads:
        short, long = sorted(float(np.linalg.norm(quad[corner] - quad[0])) for corner in (1, 3))
        if long < WORD * short:
            continue
        if long < LINE * short:
            looked_at += 1
            if looked_at > LOOKED_AT or not is_word(models, crop(image, quad)):
                continue
        found.append((short, quad))
    return found


def is_word(models: OcrModels, cut: Pixels) -> bool:
    reading = recognise(models.recogniser, cut)
    return reading.confidence >= CONFIDENCE and len("".join(reading.text.split())) >= CHARACTERS


def box_around(quad: Quads) -> Box:
    (left, top), (right, bottom) = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    return int(left), int(top), int(right), int(bottom)


def capital_height(box_height: float) -> float:
    return round(max((box_height - MARGIN) / GROWN, 1.0), 1)
