"""The first line of a page, found before the whole page is searched: whoever waits sees at once what is being read.

A strip at the top is looked at. What is found there counts only where it is surely the page's first line and surely
lies upright; else nothing is said, and the search of the whole page decides.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from services.ocr.detection import GRID, MARGIN, Quads, bounds
from services.ocr.layout import MIN_COLUMN_WIDTH, Box, lines
from services.ocr.loading import Pixels
from services.ocr.pose import lies_on_its_side, straightened
from services.ocr.recognition import join
from services.ocr.telling import Piece

STRIP = 0.25
"""Of the page's height: what is looked at, in whole steps of the detector's grid, one at least."""
WHOLE = 0.6
"""A strip that would be more of the page than this is the page: its look serves the search as well."""
LONG = 5.0
"""Width in heights of a line that shows how the page lies: short words can be read on their heads."""
SURE = 0.92
"""Confidence from which on it lies upright: of 849 lines on their heads or in mirrors none was read above 0.87."""


@dataclass(frozen=True)
class Opening:
    """The first line: its pieces from left to right."""

    pieces: list[Piece]

    def apart_from(self, quads: Quads) -> Quads:
        """The boxes that are not this line, seen again."""
        middles = quads.mean(axis=1).tolist()
        known = [piece.quad for piece in self.pieces]
        return quads[[all(cv2.pointPolygonTest(quad, middle, False) < 0 for quad in known) for middle in middles]]


def top_of(image: Pixels, scale: float) -> Pixels:
    """The strip at the top, or all of the picture where it is low."""
    height = image.shape[0]
    steps = max(1, int((STRIP * height * scale + 2 * MARGIN) / GRID))
    rows = int((steps * GRID - 2 * MARGIN) / scale)
    return image if rows > WHOLE * height else image[:rows]


def find_opening(quads: Quads, end: float, read: Callable[[Sequence[Quads]], list[Piece]]) -> Opening | None:
    """The page's first line among the boxes of its top; None where it is not sure which that is or how it lies.

    `end` is down to where a box is surely seen as a whole.
    """
    if len(quads) == 0 or lies_on_its_side(quads):
        return None
    level = [bounds(quad, index) for index, quad in enumerate(straightened(quads))]
    line = lines(level)[0]
    chosen = [quads[box.index] for box in line]
    if max(quad[:, 1].max() for quad in chosen) > end or not is_first(line, level):
        return None
    pieces = read(chosen)
    return Opening(pieces) if join([piece.reading for piece in pieces]).confidence >= SURE else None


def is_first(line: list[Box], boxes: list[Box]) -> bool:
    """Whether a line is the first one in reading order, whatever stands further down.

    Nothing may stand beside it or to the left of it all. Several boxes are a row only among narrow ones: else they may
    be the beginnings of columns, which can be told when all of them is seen.
    """
    height = median(box.height for box in line)
    if sum(box.width for box in line) < LONG * height:
        return False
    if len(line) > 1 and median(box.width for box in boxes) >= MIN_COLUMN_WIDTH * height:
        return False
    middle = float(np.mean([box.middle for box in line]))
    others = [box for box in boxes if box not in line]
    return not any(box.top < middle or box.right <= line[0].left for box in others)
