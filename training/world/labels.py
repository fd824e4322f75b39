"""What stands in each patch of a picture: dense targets for a vision tower.

Knows glyphs' coverage. Indices follow the vocabulary; 0 is "nothing here".
"""

from collections.abc import Iterable

import numpy as np

from training.world.glyphs import glyph
from training.world.render import FRONT_FROM
from training.world.scene import CANVAS, Scene, place
from training.world.vocab import COLOURS, NATURAL, THING_NAMES

PATCH = 16
_SAMPLING = 4
_MIN_SHARE = 0.2
"""A patch belongs to a thing that covers at least this share of it."""

COLOUR_CLASSES: tuple[str, ...] = ("nothing", NATURAL, *COLOURS)
THING_CLASSES: tuple[str, ...] = ("nothing", *THING_NAMES)


def owners(scene: Scene) -> np.ndarray:
    """int8 (8, 8): the index of the group that owns each patch, -1 for none."""
    side = CANVAS // _SAMPLING
    seen = np.full((side, side), -1, np.int8)
    for spot in place(scene):
        group = scene.groups[spot.group]
        cover = glyph(group.thing, group.colour, spot.side)[1][::_SAMPLING, ::_SAMPLING, 0] > 0.5
        if spot.front_only:
            cover[: int(spot.side * FRONT_FROM) // _SAMPLING] = False
        y, x = spot.y // _SAMPLING, spot.x // _SAMPLING
        seen[y : y + cover.shape[0], x : x + cover.shape[1]][cover] = spot.group
    cells = PATCH // _SAMPLING
    blocks = seen.reshape(CANVAS // PATCH, cells, CANVAS // PATCH, cells)
    shares = np.stack([(blocks == index).mean((1, 3)) for index in (0, 1)])
    return np.where(shares.max(0) >= _MIN_SHARE, shares.argmax(0), -1).astype(np.int8)


def patch_labels(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """int64 (64,) thing classes and (64,) colour classes, row by row."""
    owner = owners(scene).ravel()
    things = np.array([0] + [THING_CLASSES.index(g.thing) for g in scene.groups], np.int64)
    colours = np.array([0] + [COLOUR_CLASSES.index(g.colour) for g in scene.groups], np.int64)
    return things[owner + 1], colours[owner + 1]


def dense_labels(scenes: Iterable[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """`patch_labels` of several scenes: int64 (N, 64) thing classes and (N, 64) colour classes."""
    things, colours = zip(*map(patch_labels, scenes), strict=True)
    return np.stack(things), np.stack(colours)
