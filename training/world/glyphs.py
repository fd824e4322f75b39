"""The pictures of things: glyph files, tinted to a named colour and scaled.

Knows pixels of one thing. Does not know scenes.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from training.world.vocab import NATURAL

GLYPH_DIR = Path(__file__).parent / "glyphs"
GLYPH_SIDE = 96
MARGIN = 1 / 16
"""Empty share of a cell on each side of its glyph, so that neighbours do not touch."""

TINTS: dict[str, tuple[float, float, float]] = {
    "red": (214, 30, 36),
    "orange": (250, 136, 14),
    "yellow": (250, 222, 30),
    "green": (40, 168, 58),
    "blue": (38, 96, 226),
    "purple": (136, 46, 196),
    "pink": (252, 128, 184),
    "brown": (134, 82, 40),
    "black": (52, 52, 58),
    "white": (246, 246, 250),
    "grey": (140, 140, 144),
    "turquoise": (52, 200, 196),
}
"""sRGB of every named colour (0-255), for things and plain backgrounds alike."""


def glyph_path(name: str) -> Path:
    """The PNG of the thing called `name`."""
    return GLYPH_DIR / (name.replace(" ", "_") + ".png")


def _tinted(rgb: np.ndarray, alpha: np.ndarray, colour: str) -> np.ndarray:
    """Recolours (H, W, 3) pixels: shading is kept, the mean colour becomes the named one.

    Brightness relative to the glyph's bright parts scales the tint, so dark eyes and outlines stay
    dark, and highlights go towards white.
    """
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    inked = luma[alpha > 128]
    reference = float(np.percentile(inked, 60)) if inked.size else 128.0
    shade = luma / max(reference, 40.0)
    tint = np.array(TINTS[colour], np.float32)
    dark = tint * np.minimum(shade, 1.0)[..., None]
    light = np.clip((shade - 1.0) * 0.8, 0.0, 0.75)[..., None]
    return dark * (1 - light) + 255.0 * light


@lru_cache(maxsize=4096)
def glyph(name: str, colour: str, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The thing in its cell, as premultiplied colour (side, side, 3) and coverage (side, side, 1).

    float32 in 0-255 and 0-1. `colour` is one of COLOURS or NATURAL.
    """
    pixels = np.asarray(Image.open(glyph_path(name)).convert("RGBA"), np.float32)
    rgb, alpha = pixels[..., :3], pixels[..., 3]
    if colour != NATURAL:
        rgb = _tinted(rgb, alpha, colour)
    premultiplied = np.concatenate([rgb * alpha[..., None] / 255.0, alpha[..., None]], -1)
    margin = round(side * MARGIN)
    inner = (side - 2 * margin, side - 2 * margin)
    channels = [
        np.asarray(Image.fromarray(premultiplied[..., k]).resize(inner, Image.Resampling.BOX)) for k in range(4)
    ]
    cell = np.pad(np.stack(channels, -1).astype(np.float32), ((margin, margin), (margin, margin), (0, 0)))
    return cell[..., :3], cell[..., 3:] / 255.0
