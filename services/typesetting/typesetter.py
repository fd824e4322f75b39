"""Sets text over a picture: finds its size, its place and a colour that can be read, and draws it. Every other pixel
stays as it is."""

import time
import unicodedata
from dataclasses import dataclass

import numpy as np
from PIL import Image

from services.typesetting.colours import Colour, best_of, contrast, opposite, parse, pixels_under, written
from services.typesetting.drawing import Mask, grown, mask_of, turned
from services.typesetting.setting import Room, fitted
from shared.imaging import open_own
from shared.jobs import Box, check_box
from shared.provenance import png_with_chunks, text_chunks
from shared.text_jobs import LEGIBLE_CONTRAST, ComposeText

MARGIN = 0.05
"""Of the shorter side of the picture, kept free where no box is given."""
BAND = 0.3
"""Of the picture's height, which text at the top or at the bottom may take."""
RIM = 0.06
"""Width of an outline in sizes of the type."""
ENGINE = "HarfBuzz and FreeType, Noto fonts"


@dataclass(frozen=True)
class Composed:
    """A picture with text, and how it was set."""

    png: bytes
    width: int
    height: int
    box: Box
    """What the letters take, their outline included."""
    size: int
    lines: int
    colour: str
    outline: str | None
    contrast: float
    """Between the letters and what is around them, 1 to 21: pixels of the picture, or the outline."""
    seconds: float
    engine: str = ENGINE


def compose(work: ComposeText, png: bytes) -> Composed:
    """Set the text over a picture of our own.

    Raises:
        InvalidRequest: the box does not lie in the picture, the text does not fit, or no font has a character.
    """
    started = time.perf_counter()
    picture = open_own(png)
    area = area_of(work, picture.size)
    rim = 0.0 if work.outline is False else RIM
    room = Room(area[2] - area[0], area[3] - area[1], work.rotation, rim)
    block = fitted(unicodedata.normalize("NFC", work.text.strip("\n")), work.font, room, work.size)
    ink = turned(mask_of(block, work.align), work.rotation)
    around = grown(ink, max(1, round(RIM * block.size)))
    left, top = place_in(area, around, work)
    letters = Letters(ink, around, (left, top))
    colour, outline, ratio = coloured(work, letters, picture)
    letters.draw(picture, colour, outline)
    return Composed(
        png=png_with_chunks(picture, text_chunks(png)),
        width=picture.width,
        height=picture.height,
        box=(
            max(left, 0),
            max(top, 0),
            min(left + around.width, picture.width),
            min(top + around.height, picture.height),
        ),
        size=round(block.size),
        lines=len(block.lines),
        colour=written(colour),
        outline=written(outline) if outline else None,
        contrast=round(ratio, 2),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True)
class Letters:
    """Ink, the same with a rim around it, and where the latter's corner lies in the picture."""

    ink: Mask
    around: Mask
    corner: tuple[int, int]

    def box_in(self, picture: Image.Image) -> Box:
        """What they take of the picture."""
        left, top = self.corner
        right, bottom = left + self.around.width, top + self.around.height
        return max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)

    def draw(self, picture: Image.Image, colour: Colour, outline: Colour | None) -> None:
        if outline is not None:
            picture.paste(Image.new("RGB", self.around.size, outline), self.corner, self.around)
        rim = (self.around.width - self.ink.width) // 2
        place = (self.corner[0] + rim, self.corner[1] + rim)
        picture.paste(Image.new("RGB", self.ink.size, colour), place, self.ink)


def area_of(work: ComposeText, size: tuple[int, int]) -> Box:
    """Where the text may stand."""
    if work.box is not None:
        check_box(work.box, size)
        return work.box
    width, height = size
    margin, band = round(MARGIN * min(size)), round(BAND * height)
    top = height - band if work.position == "bottom" else margin
    bottom = band if work.position == "top" else height - margin
    return margin, top, width - margin, bottom


def place_in(area: Box, mask: Mask, work: ComposeText) -> tuple[int, int]:
    """The corner of the letters in an area: by its alignment across, in its middle down, or at the picture's edge."""
    left, top, right, bottom = area
    free = (right - left - mask.width, bottom - top - mask.height)
    across = {"left": 0, "right": free[0]}.get(work.align, free[0] // 2)
    down = {"top": 0, "bottom": free[1]}.get("centre" if work.box else work.position, free[1] // 2)
    return left + across, top + down


def coloured(work: ComposeText, letters: Letters, picture: Image.Image) -> tuple[Colour, Colour | None, float]:
    """Colour, outline and their contrast; where nobody spoke of an outline, it is there if it takes one to read."""
    under = pixels_under(picture, letters.around, letters.corner)
    colour = parse(work.colour) if work.colour else best_of(under)
    ratio = contrast(colour, under)
    if work.outline is False or (work.outline is None and ratio >= LEGIBLE_CONTRAST):
        return colour, None, ratio
    outline = opposite(colour)
    return colour, outline, contrast(outline, np.array([colour], float))
