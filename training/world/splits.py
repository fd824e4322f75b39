"""Combinations that training never shows, so that evaluation can ask for something new.

Knows names. Some colours of some things and some pairs of things are held out, the same ones always.
"""

from itertools import combinations
from zlib import crc32

from training.world.scene import Scene
from training.world.vocab import COLOURS, NATURAL, THING_NAMES

ONE_IN = 12
"""One in so many coloured things, and one in so many pairs of things, is held out."""


def _chosen(words: str) -> bool:
    return crc32(words.encode()) % ONE_IN == 0


HELD_OUT_COLOURED: frozenset[tuple[str, str]] = frozenset(
    (colour, thing) for colour in COLOURS for thing in THING_NAMES if _chosen(f"{colour} {thing}")
)
HELD_OUT_PAIRS: frozenset[frozenset[str]] = frozenset(
    frozenset(pair) for pair in combinations(sorted(THING_NAMES), 2) if _chosen(" and ".join(pair))
)


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows a coloured thing, or two things together, that training never shows."""
    if any((g.colour, g.thing) in HELD_OUT_COLOURED for g in scene.groups if g.colour != NATURAL):
        return True
    return frozenset(g.thing for g in scene.groups) in HELD_OUT_PAIRS
