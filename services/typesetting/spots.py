"""Where in a picture a text is set, and how large: in a box, along an edge, or where it is calm. Draws nothing."""

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from services.typesetting.places import Place, places
from services.typesetting.setting import LARGEST, Block, Room, fitted
from shared.errors import InvalidRequest
from shared.jobs import Box, check_box
from shared.text_jobs import ComposeText, FontName

MARGIN = 0.05
"""Of the shorter side of the picture, kept free where no box is given."""
BAND = 0.3
"""Of the picture's height, which text at the top or at the bottom may take."""
RIM, PLATE_RIM = 0.06, 0.3
"""Around the letters, in sizes of the type: width of an outline, and by how much a plate is larger than they are."""
LEAST, MOST = 1 / 11, 1 / 5
"""Sizes of type in heights of the picture, in a calm place: a smaller one is none, a larger one is not wanted."""
COST, PLATE_COST = 40.0, 160.0
"""Unrest, in grey levels, that outweighs the largest letters against the smallest: of what they stand on, and of what a
plate hides."""
LEAST_PIXELS = 11
"""Smaller letters are not read back surely."""


@dataclass(frozen=True)
class Spot:
    """A text set in an area of the picture, in pixels."""

    area: Box
    block: Block
    plate: bool
    """Whether it needs a plain ground."""


def spot_for(work: ComposeText, text: str, font: FontName, picture: Image.Image) -> Spot:
    """Where a text stands.

    Raises:
        InvalidRequest: the box does not lie in the picture, the text does not fit, or no font has a character.
    """
    if work.box is not None or work.position != "calm":
        area, plate = area_of(work, picture.size), bool(work.plate)
        return Spot(area, fitted(text, font, room_of(work, area, plate=plate), work.size), plate)
    found = list(places(picture, round(MARGIN * min(picture.size))))
    most = max(round(MOST * picture.height), LEAST_PIXELS)
    if not work.plate:
        calm = best_spot(work, text, font, [place for place in found if place.calm], most, plate=False)
        if calm is not None and (calm.block.size >= min(max(LEAST * picture.height, LEAST_PIXELS), work.size or most)):
            return calm
    plate = work.plate is not False
    spot = best_spot(work, text, font, found, most, plate=plate)
    if spot is None:  # not even the largest place takes it: it is refused with that one's sentence, or takes all
        whole = area_of(work.model_copy(update={"position": "centre"}), picture.size)
        return Spot(whole, fitted(text, font, room_of(work, whole, plate=plate), work.size), plate)
    return spot


def best_spot(
    work: ComposeText, text: str, font: FontName, found: Iterable[Place], most: int, *, plate: bool
) -> Spot | None:
    """Where the letters are large and the picture calm; None where the text fits nowhere."""
    best: tuple[tuple[bool, float], Spot] | None = None
    for place in found:
        try:
            block = fitted(text, font, room_of(work, place.box, plate=plate, most=most), work.size)
        except InvalidRequest as error:
            if error.code != "text_does_not_fit":
                raise
            continue
        rank = block.size >= LEAST_PIXELS, block.size / most - place.cost / (PLATE_COST if plate else COST)
        if best is None or rank > best[0]:
            best = rank, Spot(place.box, block, plate)
    return best[1] if best else None


def room_of(work: ComposeText, area: Box, *, plate: bool, most: int = LARGEST) -> Room:
    rim = PLATE_RIM if plate else 0.0 if work.outline is False else RIM
    return Room(area[2] - area[0], area[3] - area[1], work.rotation, rim, most)


def area_of(work: ComposeText, size: tuple[int, int]) -> Box:
    """Where the text may stand: in its box, or along an edge of the picture."""
    if work.box is not None:
        check_box(work.box, size)
        return work.box
    width, height = size
    margin, band = round(MARGIN * min(size)), round(BAND * height)
    top = height - band if work.position == "bottom" else margin
    bottom = band if work.position == "top" else height - margin
    return margin, top, width - margin, bottom


def corner_in(area: Box, size: tuple[int, int], work: ComposeText) -> tuple[int, int]:
    """Left and top of letters of that width and height in an area: by their alignment across, in its middle down, or at
    the picture's edge."""
    left, top, right, bottom = area
    free = (right - left - size[0], bottom - top - size[1])
    across = {"left": 0, "right": free[0]}.get(work.align, free[0] // 2)
    down = {"top": 0, "bottom": free[1]}.get("centre" if work.box else work.position, free[1] // 2)
    return left + across, top + down
