"""Reads all text of a picture: find boxes, put them in reading order, recognise line by line.

A generator: it yields after each piece of work, and closing it between two pieces stops the reading. Knows no
queue and no artifact store.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rapidocr.utils.process_img import get_rotate_crop_image

from services.ocr.detection import Quads, find_boxes
from services.ocr.layout import Box, reading_order
from services.ocr.loading import OcrModels, Pixels, load
from services.ocr.recognition import Reading, join, recognise
from services.ocr.settings import OcrSettings
from shared.imaging import open_own
from shared.jobs import TextLine, TextRead


@dataclass(frozen=True)
class ReadingProgress:
    """Step `step` of `total` is done: the search for text is the first, then each line is one."""

    step: int
    total: int


class Reader:
    """The reader of one process; may be used from several threads at once."""

    def __init__(self, models: OcrModels, settings: OcrSettings) -> None:
        self.models = models
        self.settings = settings

    @classmethod
    def from_settings(cls, settings: OcrSettings) -> "Reader":
        return cls(load(settings), settings)

    def read(self, png: bytes) -> Iterator[ReadingProgress | TextRead]:
        """Read a picture of our own making (a PNG from the artifact store); a picture without text has no lines.

        Yields a ReadingProgress after the search and after each line (and the same one again between the parts of a
        line, so that a cancel need not wait for its end), at last the TextRead.
        """
        started = time.perf_counter()
        image: Pixels = np.asarray(open_own(png))[:, :, ::-1].copy()
        quads = find_boxes(self.models.detector, image, self.settings.ocr_detect_pixels)
        order = reading_order([bounds(quad, index) for index, quad in enumerate(quads)])
        total = len(order) + 1
        yield ReadingProgress(1, total)
        found: list[TextLine] = []
        for step, boxes in enumerate(order, start=2):
            for reading in self.read_line(image, quads, boxes):
                if reading is None:
                    yield ReadingProgress(step - 1, total)
                elif reading.text and reading.confidence >= self.settings.ocr_min_confidence:
                    found.append(text_line(reading, boxes))
            yield ReadingProgress(step, total)
        height, width = image.shape[:2]
        seconds = time.perf_counter() - started
        yield TextRead(lines=tuple(found), width=width, height=height, engine=self.models.name, seconds=seconds)

    def read_line(self, image: Pixels, quads: Quads, boxes: list[Box]) -> Iterator[Reading | None]:
        """Recognise the boxes of one line, left to right: None between its parts, at last the reading of the line."""
        readings: list[Reading] = []
        for box in boxes:
            if readings:
                yield None
            for reading in recognise(self.models.recogniser, get_rotate_crop_image(image, quads[box.index])):
                if reading is None:
                    yield None
                else:
                    readings.append(reading)
        yield join(readings)


def bounds(quad: Quads, index: int) -> Box:
    """The upright rectangle around a four-cornered box."""
    left, top = quad.min(axis=0).tolist()
    right, bottom = quad.max(axis=0).tolist()
    return Box(left, top, right, bottom, index)


def text_line(reading: Reading, boxes: list[Box]) -> TextLine:
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    return TextLine(text=reading.text, box=(left, top, right, bottom), confidence=round(reading.confidence, 4))
