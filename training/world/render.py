"""Draws a scene: numpy only, a few thousand pictures a second on one core.

Knows pixels. The same scene always gives the same picture.
"""

from functools import lru_cache

import numpy as np

from training.world.glyphs import TINTS, glyph
from training.world.scene import CANVAS, Scene, place

HORIZON = 80
"""First row of the ground in places that have one (pixels, a multiple of the stride)."""
FRONT_FROM = 0.45
"""Where a container's front wall begins, as a share of its height."""

_GRADIENTS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "night": ((8, 12, 48), (34, 40, 98), (34, 40, 98), (34, 40, 98)),
    "sunset": ((90, 40, 120), (252, 150, 60), (120, 50, 60), (60, 24, 52)),
    "beach": ((110, 190, 250), (190, 230, 252), (240, 214, 150), (226, 190, 116)),
    "snow": ((170, 200, 232), (212, 228, 244), (250, 252, 255), (228, 238, 250)),
    "grass": ((130, 200, 250), (200, 232, 252), (110, 190, 70), (60, 144, 44)),
    "sea": ((140, 204, 250), (206, 234, 252), (30, 110, 190), (12, 66, 140)),
    "room": ((236, 222, 196), (236, 222, 196), (156, 104, 62), (128, 82, 46)),
}
"""Sky at the top, sky at the horizon, ground at the horizon, ground at the bottom."""
_STARS = ((12, 12), (40, 28), (68, 8), (92, 36), (116, 16), (20, 56), (108, 60), (60, 52))


@lru_cache(maxsize=32)
def background(setting: str) -> np.ndarray:
    """The empty setting, (CANVAS, CANVAS, 3) float32 in 0-255."""
    canvas = np.empty((CANVAS, CANVAS, 3), np.float32)
    if setting in TINTS:
        canvas[:] = TINTS[setting]
        return canvas
    sky_top, sky_low, ground_top, ground_low = np.array(_GRADIENTS[setting], np.float32)
    for first, last, upper, lower in (
        (0, HORIZON, sky_top, sky_low),
        (HORIZON, CANVAS, ground_top, ground_low),
    ):
        share = np.linspace(0, 1, last - first, dtype=np.float32)[:, None, None]
        canvas[first:last] = upper * (1 - share) + lower * share
    if setting == "night":
        canvas[HORIZON:] = (20, 26, 44)
        for x, y in _STARS:
            canvas[y : y + 3, x : x + 3] = (250, 248, 210)
    return canvas


def render(scene: Scene) -> np.ndarray:
    """The picture, uint8 (CANVAS, CANVAS, 3) RGB."""
    canvas = background(scene.setting).copy()
    for spot in place(scene):
        group = scene.groups[spot.group]
        ink, cover = glyph(group.thing, group.colour, spot.side)
        top = int(spot.side * FRONT_FROM) // 4 * 4 if spot.front_only else 0
        patch = canvas[spot.y + top : spot.y + spot.side, spot.x : spot.x + spot.side]
        patch *= 1 - cover[top:]
        patch += ink[top:]
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8)
