"""In which order boxes are read, and which of them are one line. Pure geometry; knows no models and no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

MIN_COLUMN_LINES = 4
MIN_COLUMN_WIDTH = 10.0
"""In line heights: narrower than that, boxes side by side are cells of a table, to be read along the rows."""
MIN_GUTTER = 0.8
"""In line heights."""

MAX_RATIO = 4.0
"""Of the heights of two boxes that share a line."""


@dataclass(frozen=True)
class Box:
    """Bounds of a piece of text in pixels of the picture. `index` says which piece it is."""

    left: float
    top: float
    right: float
    bottom: float
    index: int = 0

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def reading_order(boxes: Sequence[Box]) -> list[list[Box]]:
    """Lines from top to bottom, the boxes of each from left to right; columns of running text one after the other."""
    parts = columns(boxes)
    if parts is None:
        return lines(boxes)
    return [line for part in parts for line in reading_order(part)]


def lines(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes whose middles lie within half a height of each other share a line."""
    found: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.middle):
        line = found[-1] if found else []
        near = line and box.middle - line[-1].middle < 0.5 * min(box.height, *(other.height for other in line))
        near = near and box.height < MAX_RATIO * min(other.height for other in line)
        near = near and box.height * MAX_RATIO > max(other.height for other in line)
        # Boxes that share their columns of pixels stand above each other, however close.
        if near and not any(overlap(box, other) for other in line):
            line.append(box)
        else:
            found.append([box])
    return [sorted(line, key=lambda box: box.left) for line in found]


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share more than half of the narrower one's width."""
    shared = min(one.right, other.right) - max(one.left, other.left)
    return shared > 0.5 * min(one.width, other.width)


def columns(boxes: Sequence[Box]) -> list[list[Box]] | None:
    """Head, left column, right column and foot, where the boxes form two columns of running text; else None.

    A gutter is looked for that the boxes of a run of lines leave free. Both sides must be columns of running text,
    wide and several lines high; rows of a table or a receipt stay together.
    """
    if len(boxes) < 2 * MIN_COLUMN_LINES:
        return None
    height = median(box.height for box in boxes)
    for gutter in gutters(boxes, MIN_GUTTER * height):
        crossing = [box for box in boxes if box.left < gutter < box.right]
        top, bottom = span_between(boxes, crossing)
        inside = [box for box in boxes if top < box.middle < bottom and box not in crossing]
        left = [box for box in inside if box.right <= gutter]
        right = [box for box in inside if box.left >= gutter]
        if is_column(left, height) and is_column(right, height):
            head = [box for box in boxes if box.middle <= top]
            foot = [box for box in boxes if box.middle >= bottom]
            return [part for part in (head, left, right, foot) if part]
    return None


def gutters(boxes: Sequence[Box], width: float) -> list[float]:
    """Places where many boxes end and, at least `width` further right, others begin; the most used first."""
    found: dict[float, int] = {}
    for begin in {round(box.left) for box in boxes}:
        starting = [box for box in boxes if abs(box.left - begin) <= width]
        place = min(box.left for box in starting) - width / 2
        crossed = sum(box.left < place < box.right for box in boxes)
        before = sum(box.right <= place for box in boxes)
        if before >= MIN_COLUMN_LINES and len(starting) >= MIN_COLUMN_LINES and crossed < len(starting):
            found[place] = len(starting) - crossed
    return sorted(found, key=lambda place: -found[place])


def span_between(boxes: Sequence[Box], crossing: Sequence[Box]) -> tuple[float, float]:
    """Top and bottom of the highest stretch of the page that no crossing box divides."""
    edges = [min(box.top for box in boxes) - 1, *sorted(box.middle for box in crossing)]
    edges.append(max(box.bottom for box in boxes) + 1)
    stretches = list(pairwise(edges))
    return max(stretches, key=lambda stretch: stretch[1] - stretch[0])


def is_column(boxes: Sequence[Box], height: float) -> bool:
    """Whether the boxes look like running text: several lines, most of them wide."""
    return len(lines(boxes)) >= MIN_COLUMN_LINES and median(box.width for box in boxes) >= MIN_COLUMN_WIDTH * height
