"""Decides from what a detector saw whether a picture shows what was asked for.

Pure functions of names and places, in the manner of GenEval (arXiv 2310.11513), but stricter: things that nobody
asked for are errors too. Does not know pixels, prompts or models.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from training.detector_model import Detection, Sight
from training.world import NATURAL, Scene

LOOKS: dict[str, tuple[str, ...]] = {
    "cat": ("orange", "yellow"),
    "rabbit": ("white",),
    "bear": ("brown",),
    "panda": ("white",),
    "fox": ("orange",),
    "pig": ("pink",),
    "frog": ("green",),
    "chicken": ("white",),
    "penguin": ("black",),
    "owl": ("brown",),
    "fish": ("blue",),
    "turtle": ("green",),
    "butterfly": ("orange",),
    "apple": ("red",),
    "banana": ("yellow",),
    "strawberry": ("red",),
    "lemon": ("yellow",),
    "pear": ("green", "yellow"),
    "carrot": ("orange",),
    "pizza": ("orange",),
    "mushroom": ("red",),
    "car": ("red",),
    "bus": ("white",),
    "boat": ("red",),
    "tree": ("green",),
    "flower": ("pink",),
    "ball": ("white",),
    "star": ("yellow",),
    "heart": ("red",),
    "balloon": ("red",),
    "hat": ("black",),
    "book": ("red",),
    "key": ("yellow",),
    "cardboard box": ("brown",),
    "basket": ("brown",),
}
"""The colours that a person would call a thing by as its glyph is drawn, where most of it is of one.

An apple in its natural look is a red apple. Dog, mouse, cake, rocket and house have no one colour.
"""
STANDING_GAP = 4
"""Pixels by which the cells of two things must overlap for one to stand on the other."""


@dataclass(frozen=True)
class WantedThing:
    """So many of a thing; of any colour when `colour` is empty."""

    thing: str
    colour: str = ""
    count: int = 1


@dataclass(frozen=True)
class Wanted:
    """What a picture must show, and nothing besides. Empty words are not asked for.

    `relation` reads "things[0] is RELATION things[1]".
    """

    things: tuple[WantedThing, ...]
    relation: str = ""
    setting: str = ""


def wanted_of(scene: Scene) -> Wanted:
    """All that the judge can ask of a scene."""
    things = tuple(WantedThing(group.thing, group.colour, group.count) for group in scene.groups)
    return Wanted(things, scene.relation, scene.setting)


def same_look(thing: str, colour: str, other: str) -> bool:
    """Whether two colour words may be said of the same look of `thing`."""
    words = [{name, *LOOKS.get(thing, ())} if name == NATURAL else {name} for name in (colour, other)]
    return bool(words[0] & words[1])


def relations(first: Detection, second: Detection) -> set[str]:
    """Every relation that holds of `first` towards `second`.

    A thing is in another when its centre lies in the other's cell, and on it when it is above and their cells
    overlap; on is also above. Left and right are also next to. Sideways is what is further sideways than up or down.
    """
    dx, dy = second.x - first.x, second.y - first.y
    if max(abs(dx), abs(dy)) < second.side / 2:
        return {"in"}
    if abs(dx) > abs(dy):
        return {"left of" if dx > 0 else "right of", "next to"}
    if dy < 0:
        return {"below"}
    touching = dy < (first.side + second.side) / 2 - STANDING_GAP
    return {"above", "on"} if touching else {"above"}


def _colours_hold(wanted: Iterable[WantedThing], seen: Iterable[Detection]) -> bool:
    asked = {want.thing: want.colour for want in wanted if want.colour}
    return all(same_look(s.thing, asked[s.thing], s.colour) for s in seen if s.thing in asked)


def _relation_holds(wanted: Wanted, seen: tuple[Detection, ...]) -> bool:
    first, second = ([s for s in seen if s.thing == want.thing] for want in wanted.things)
    return any(wanted.relation in relations(a, b) for a in first for b in second)


def missed(wanted: Wanted, sight: Sight) -> frozenset[str]:
    """What is wrong with the picture: of "thing", "count", "colour", "relation", "setting"; empty when it is right.

    "thing": another kind of thing is there, or one is missing. The others are judged of what is there.
    """
    asked = {want.thing: want.count for want in wanted.things}
    counted = Counter(detection.thing for detection in sight.things)
    faults: set[str] = set()
    if asked.keys() != counted.keys():
        faults.add("thing")
    if any(counted[thing] not in (0, count) for thing, count in asked.items()):
        faults.add("count")
    if not _colours_hold(wanted.things, sight.things):
        faults.add("colour")
    if wanted.relation and not _relation_holds(wanted, sight.things):
        faults.add("relation")
    if wanted.setting and wanted.setting != sight.setting:
        faults.add("setting")
    return frozenset(faults)
