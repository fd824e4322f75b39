"""The room that a mask leaves for words: the largest upright box in which all may change. Knows pixels only."""

from collections.abc import Sequence

from PIL import Image

from shared.job_base import Box

MOST_CELLS = 256
"""On a side of what is searched; larger masks are looked at in cells, of which each must be open as a whole."""


def largest_box(mask: Image.Image) -> Box:
    """In a grey mask of which something is 255. A box of one pixel where nothing larger is open as a whole."""
    bounds = mask.getbbox()
    assert bounds is not None  # noqa: S101 - masks without anything open are refused on arrival
    left, top, right, bottom = bounds
    cells, side = _open_only(mask.crop(bounds)), 1
    while max(cells.size) > MOST_CELLS:
        cells, side = _open_only(cells.reduce(2)), side * 2
    values = cells.tobytes()
    rows = [values[at : at + cells.width] for at in range(0, len(values), cells.width)]
    found = _largest(rows)
    if found is None:
        return left, top, left + 1, top + 1
    first, above, last, below = (side * place for place in found)
    return left + first, top + above, min(left + last, right), min(top + below, bottom)


def _open_only(mask: Image.Image) -> Image.Image:
    return mask.point([0] * 255 + [255])


def _largest(rows: Sequence[bytes]) -> Box | None:
    """Of rows of cells: each column's run of open ones above a row makes a skyline, in which rectangles are sought."""
    best, largest = None, 0
    runs = [0] * len(rows[0])
    for below, row in enumerate(rows, 1):
        runs = [run + 1 if value else 0 for run, value in zip(runs, row, strict=True)]
        starts: list[tuple[int, int]] = []
        for column, run in enumerate([*runs, 0]):
            start = column
            while starts and starts[-1][1] >= run:
                start, height = starts.pop()
                if (column - start) * height > largest:
                    best, largest = (start, below - height, column, below), (column - start) * height
            starts.append((start, run))
    return best
