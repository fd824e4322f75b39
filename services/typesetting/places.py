"""Where a picture is calm: places of several shapes without edges, for words to stand there. Knows no text.

Calm is measured as how much neighbouring pixels differ, in any colour, and how much light and dark a place holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.jobs import Box

SEEN = 160
"""Longer side of the copy that is looked at, in pixels: what is finer than that is no edge, but noise."""
WIDTHS, HEIGHTS = (1.0, 0.8, 0.6, 0.45), (0.5, 0.36, 0.26, 0.18, 0.13)
"""Of the places, as shares of what lies within the margin."""
STRIDE = 32
"""Places begin at so many parts of either side."""
CALM = 6.0
"""Unrest up to which letters stand clearly, in grey levels: what a plain or softly shaded ground has."""
SHADE = 0.25
"""How much the spread of light and dark counts, against edges: shading disturbs less."""
ASIDE = 2.0
"""Unrest that a place at the very side counts more than one in the middle, which looks better."""

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """A part of a picture, and how restless it is, in grey levels."""

    box: Box
    unrest: float
    aside: float
    """How far its middle is from the picture's, across, in widths of the picture."""

    @property
    def cost(self) -> float:
        return self.unrest + ASIDE * self.aside

    @property
    def calm(self) -> bool:
        return self.unrest <= CALM


def places(picture: Image.Image, margin: int) -> Iterator[Place]:
    """The calmest place of each shape, none nearer to the picture's edge than `margin` pixels."""
    scale = min(SEEN / max(picture.size), 1.0)
    size = max(round(picture.width * scale), 8), max(round(picture.height * scale), 8)
    seen = picture.resize(size, Image.Resampling.BOX)
    pixels = np.asarray(seen, float)
    edges, grey = summed(differences(pixels)), pixels.mean(axis=2)
    light, squares = summed(grey), summed(grey**2)
    factors = (picture.width / seen.width, picture.height / seen.height)
    inner = (picture.width - 2 * margin, picture.height - 2 * margin)
    for share in product(WIDTHS, HEIGHTS):
        width, height = (max(int(share[axis] * inner[axis] / factors[axis]), 2) for axis in (0, 1))
        best: Place | None = None
        for left, top in starts(seen.size, (width, height), (margin / factors[0], margin / factors[1])):
            area = (left, top, left + width, top + height)
            spread = max(mean(squares, area) - mean(light, area) ** 2, 0.0) ** 0.5
            aside = abs(left + width / 2 - seen.width / 2) / seen.width
            place = Place(scaled(area, factors), mean(edges, area) + SHADE * spread, aside)
            if best is None or place.cost < best.cost:
                best = place
        if best is not None:
            yield best


def differences(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height × width: how much each pixel differs from those to its right and below, in its strongest colour."""
    across = np.abs(np.diff(pixels, axis=1, append=pixels[:, -1:]))
    down = np.abs(np.diff(pixels, axis=0, append=pixels[-1:]))
    return (across + down).max(axis=2)


def summed(values: NDArray[np.float64]) -> Sums:
    """Sums from the top left corner on (Crow, 1984), with a row and a column of zeros first."""
    return np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def mean(sums: Sums, area: Box) -> float:
    left, top, right, bottom = area
    total = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return float(total) / ((right - left) * (bottom - top))


def starts(size: tuple[int, int], shape: tuple[int, int], margin: tuple[float, float]) -> Iterator[tuple[int, int]]:
    """Left and top of all places of a shape, in pixels of what is seen."""
    ranges = []
    for side, length, edge in zip(size, shape, margin, strict=True):
        first, last = int(np.ceil(edge)), int(side - edge - length)
        ranges.append(range(first, max(last, first) + 1, max(side // STRIDE, 1)))
    return ((left, top) for left, top in product(*ranges) if left + shape[0] <= size[0] and top + shape[1] <= size[1])


def scaled(area: Box, factors: tuple[float, float]) -> Box:
    left, top, right, bottom = area
    return int(left * factors[0]), int(top * factors[1]), int(right * factors[0]), int(bottom * factors[1])
