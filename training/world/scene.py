"""The scene graph: what is in a picture, and where it goes on the 128 x 128 canvas.

Knows groups, relations and layout. Does not know colours' pixels or words of captions.
"""

from dataclasses import dataclass

from training.world.vocab import NATURAL, POSITIONS

CANVAS = 128
"""Side of a picture in pixels."""
STRIDE = 16
"""Everything is placed on this grid, one token of the denoiser and one patch of the eye wide, so that
the same thing looks the same to both wherever it stands: they learn it once, not once per offset."""
SIZE_PIXELS: dict[str, int] = {"small": 48, "medium": 64, "large": 96}
PAIR_SIDE = SIZE_PIXELS["medium"]
"""Side of each of several things, in pixels."""


@dataclass(frozen=True)
class Group:
    """One to four equal things."""

    thing: str
    colour: str = NATURAL
    size: str = "medium"
    count: int = 1
    position: str = "centre"


@dataclass(frozen=True)
class Scene:
    """A setting with one group, or with two groups of one thing each and the relation between them.

    `relation` reads "groups[0] is RELATION groups[1]"; it is "" when there is one group.
    """

    setting: str
    groups: tuple[Group, ...]
    relation: str = ""

    def __post_init__(self) -> None:
        if (len(self.groups) == 2) != bool(self.relation):
            raise ValueError("two groups need a relation, one group must not have one")


@dataclass(frozen=True)
class Placement:
    """One drawn thing: its square cell's top left corner and side in pixels, and its group's index.

    `front_only` means that only the lower part is drawn: a container's front wall.
    """

    group: int
    x: int
    y: int
    side: int
    front_only: bool = False


COUNT_LAYOUTS: dict[int, tuple[tuple[int, int], ...]] = {
    2: ((0, 32), (64, 32)),
    3: ((0, 0), (64, 0), (32, 64)),
    4: ((0, 0), (64, 0), (0, 64), (64, 64)),
}
"""Top left corners for groups of 2-4 things of PAIR_SIDE pixels."""

RELATION_LAYOUTS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "left of": ((0, 32), (64, 32)),
    "right of": ((64, 32), (0, 32)),
    "next to": ((0, 32), (64, 32)),
    "above": ((32, 0), (32, 64)),
    "below": ((32, 64), (32, 0)),
    "on": ((32, 16), (32, 64)),
}
"""Corners of the first and the second thing. "on" overlaps, "above" leaves a gap."""


def _anchor(side: int, place: int) -> int:
    """Pixel of a thing's edge for place 0 (near edge), 1 (middle) or 2 (far edge), on the grid."""
    free = CANVAS - side
    return (free * place // 2) // STRIDE * STRIDE


def _single(group: Group) -> tuple[Placement, ...]:
    row, column = divmod(POSITIONS.index(group.position), 3)
    side = SIZE_PIXELS[group.size]
    return (Placement(0, _anchor(side, column), _anchor(side, row), side),)


def place(scene: Scene) -> tuple[Placement, ...]:
    """Where everything is drawn, back to front."""
    first = scene.groups[0]
    if not scene.relation:
        if first.count == 1:
            return _single(first)
        return tuple(Placement(0, x, y, PAIR_SIDE) for x, y in COUNT_LAYOUTS[first.count])
    if scene.relation == "in":
        box = Placement(1, 16, 32, 96)
        return (
            box,
            Placement(0, 32, 16, 64),
            Placement(1, box.x, box.y, box.side, front_only=True),
        )
    (ax, ay), (bx, by) = RELATION_LAYOUTS[scene.relation]
    behind = Placement(1, bx, by, PAIR_SIDE)
    return (behind, Placement(0, ax, ay, PAIR_SIDE))
