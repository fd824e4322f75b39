"""Draws random scenes from the world.

Knows how often what occurs. Everything comes from the given `random.Random`.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from training.world.scene import Group, Scene
from training.world.splits import is_held_out
from training.world.vocab import (
    COLOURS,
    CONTAINERS,
    NATURAL,
    POSITIONS,
    RELATIONS,
    SETTINGS,
    SIZES,
    THING_NAMES,
)

NATURAL_SHARE = 0.35
CENTRED_SHARE = 0.6
KIND_WEIGHTS = {"single": 5, "count": 2, "pair": 2, "in": 1.5}
PAIR_RELATIONS = tuple(relation for relation in RELATIONS if relation != "in")


def _colour(rng: Random, setting: str) -> str:
    """A thing's colour, never that of a plain background behind it."""
    if rng.random() < NATURAL_SHARE:
        return NATURAL
    return rng.choice([colour for colour in COLOURS if colour != setting])


def _single(rng: Random, setting: str) -> Scene:
    size = rng.choices(SIZES, (1, 2, 2))[0]
    centred = size == "large" or rng.random() < CENTRED_SHARE
    position = "centre" if centred else rng.choice(POSITIONS)
    group = Group(rng.choice(THING_NAMES), _colour(rng, setting), size, 1, position)
    return Scene(setting, (group,))


def _count(rng: Random, setting: str) -> Scene:
    group = Group(rng.choice(THING_NAMES), _colour(rng, setting), count=rng.randint(2, 4))
    return Scene(setting, (group,))


def _pair(rng: Random, setting: str) -> Scene:
    first, second = rng.sample(THING_NAMES, 2)
    groups = (Group(first, _colour(rng, setting)), Group(second, _colour(rng, setting)))
    return Scene(setting, groups, rng.choice(PAIR_RELATIONS))


def _in(rng: Random, setting: str) -> Scene:
    container = CONTAINERS[0] if rng.random() < 0.75 else CONTAINERS[1]
    inner = rng.choice([name for name in THING_NAMES if name not in CONTAINERS])
    container_colour = NATURAL if rng.random() < 0.8 else _colour(rng, setting)
    groups = (Group(inner, _colour(rng, setting)), Group(container, container_colour))
    return Scene(setting, groups, "in")


_MAKERS = {"single": _single, "count": _count, "pair": _pair, "in": _in}


def sample_scene(rng: Random, kinds: Mapping[str, float] = KIND_WEIGHTS, *, held_out: bool = False) -> Scene:
    """One random scene; `kinds` weighs single things, several equal ones, pairs, and one in a container.

    It shows a held-out combination (`splits`) if `held_out`, and none otherwise.
    """
    while True:
        setting = rng.choice(SETTINGS)
        kind = rng.choices(list(kinds), list(kinds.values()))[0]
        scene = _MAKERS[kind](rng, setting)
        if is_held_out(scene) == held_out:
            return scene


def vary(scene: Scene, rng: Random) -> Scene:
    """A near miss of `scene`: another colour, thing, count, position, order or setting.

    Used as a hard negative: everything but one attribute stays the same. No held-out combination appears where
    `scene` has none.
    """
    while True:
        other = _varied(scene, rng)
        if is_held_out(scene) or not is_held_out(other):
            return other


def _varied(scene: Scene, rng: Random) -> Scene:
    index = rng.randrange(len(scene.groups))
    group = scene.groups[index]
    change = rng.choice(("colour", "thing", "layout", "setting"))
    if change == "setting":
        others = [s for s in SETTINGS if s not in {scene.setting, *(g.colour for g in scene.groups)}]
        return replace(scene, setting=rng.choice(others))
    if change == "layout":
        return _other_layout(scene, rng)
    if change == "colour":
        options = [c for c in COLOURS if c not in (group.colour, scene.setting)]
        changed = replace(group, colour=rng.choice(options))
    else:
        taken = {g.thing for g in scene.groups} | set(CONTAINERS)
        if group.thing in CONTAINERS and scene.relation == "in":
            changed = replace(group, thing=next(c for c in CONTAINERS if c != group.thing))
        else:
            changed = replace(group, thing=rng.choice([t for t in THING_NAMES if t not in taken]))
    groups = tuple(changed if i == index else g for i, g in enumerate(scene.groups))
    return replace(scene, groups=groups)


def _other_layout(scene: Scene, rng: Random) -> Scene:
    first = scene.groups[0]
    if scene.relation == "in":
        return replace(scene, relation=rng.choice(("on", "left of", "below")))
    if scene.relation:
        return replace(scene, groups=scene.groups[::-1])
    if first.count > 1 or first.size == "large":
        other = rng.choice([n for n in (1, 2, 3, 4) if n != first.count])
        return replace(scene, groups=(replace(first, count=other),))
    position = rng.choice([p for p in POSITIONS if p != first.position])
    return replace(scene, groups=(replace(first, position=position),))
