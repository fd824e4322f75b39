"""Which colour can be read on what lies under the letters, by WCAG's contrast. Knows no text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]
LIGHT, DARK = (255, 255, 255), (17, 17, 17)
WORST = 10
"""Percentile of the pixels under the letters by which the contrast is judged: a few bad ones do not count."""


def parse(colour: str) -> Colour:
    """Of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative luminance, 0 to 1, of sRGB pixels (… × 3, 0 to 255)."""
    share = pixels / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(colour: Colour, under: NDArray[np.float64]) -> float:
    """Of a colour with the worst tenth of pixels (n × 3), 1 to 21."""
    own = float(luminance(np.array(colour, float)))
    other = luminance(under)
    ratios = (np.maximum(own, other) + 0.05) / (np.minimum(own, other) + 0.05)
    return float(np.percentile(ratios, WORST))


def pixels_under(picture: Image.Image, mask: Image.Image, corner: tuple[int, int]) -> NDArray[np.float64]:
    """The pixels of the picture on which there will be ink, and near it."""
    left, top = max(corner[0], 0), max(corner[1], 0)
    right, bottom = min(corner[0] + mask.width, picture.width), min(corner[1] + mask.height, picture.height)
    seen = mask.crop((left - corner[0], top - corner[1], right - corner[0], bottom - corner[1]))
    return np.asarray(picture.crop((left, top, right, bottom)), float)[np.asarray(seen) > 0]


def best_of(under: NDArray[np.float64]) -> Colour:
    """White or nearly black, whichever can be read better."""
    return max((LIGHT, DARK), key=lambda colour: contrast(colour, under))


def opposite(colour: Colour) -> Colour:
    """White or nearly black, whichever differs more from a colour."""
    return best_of(np.array([colour], float))


def nearest(colours: Sequence[Colour], under: NDArray[np.float64]) -> Colour:
    """Which of the colours is as light as what lies there."""
    there = float(np.median(luminance(under)))
    return min(colours, key=lambda colour: abs(float(luminance(np.array(colour, float))) - there))
