"""The synthetic world that the embedded models learn: scenes, their pictures, their captions.

About 40 things from Noto Color Emoji, ten colours, counts 1-4, sizes, positions, seven relations,
19 settings. `vocab` has the words, `sample_scene` draws a scene, `render` its picture, `caption` a
sentence that is true of it.
"""

from training.world.captions import caption
from training.world.render import render
from training.world.sampling import sample_scene, vary
from training.world.scene import CANVAS, Group, Placement, Scene, place
from training.world.splits import is_held_out
from training.world.vocab import (
    COLOURS,
    COUNT_WORDS,
    NATURAL,
    POSITIONS,
    RELATIONS,
    SETTINGS,
    SIZES,
    THING_BY_NAME,
    THING_NAMES,
    THINGS,
    Thing,
)

__all__ = [
    "CANVAS",
    "COLOURS",
    "COUNT_WORDS",
    "NATURAL",
    "POSITIONS",
    "RELATIONS",
    "SETTINGS",
    "SIZES",
    "THINGS",
    "THING_BY_NAME",
    "THING_NAMES",
    "Group",
    "Placement",
    "Scene",
    "Thing",
    "caption",
    "is_held_out",
    "place",
    "render",
    "sample_scene",
    "vary",
]
