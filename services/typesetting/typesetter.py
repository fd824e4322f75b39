"""Sets text over a picture: finds its size, its place and a colour that can be read, and draws it. Every other pixel
stays as it is."""

import unicodedata
from dataclasses import dataclass

import numpy as np
from PIL import Image

from services.typesetting.colours import DARK, LIGHT, Colour, best_of, contrast, nearest, opposite, parse, pixels_under
from services.typesetting.colours import written as as_text
from services.typesetting.drawing import Mask, grown, mask_of, plate_of, turned
from services.typesetting.spots import PLATE_RIM, RIM, Spot, corner_in, spot_for
from shared.jobs import Box
from shared.text_jobs import LEGIBLE_CONTRAST, ComposeText, Lettering

ENGINE = "HarfBuzz and FreeType, Noto fonts"
USUAL = "sans-bold"
"""The font where none is wanted: the most legible."""


@dataclass(frozen=True)
class Composed:
    """A picture with text, and how it was set."""

    picture: Image.Image
    lettering: Lettering


def compose(work: ComposeText, source: Image.Image) -> Composed:
    """Set the text over a picture.

    Raises:
        InvalidRequest: the box does not lie in the picture, the text does not fit, or no font has a character.
    """
    picture, font = source.copy(), work.font or USUAL
    spot = spot_for(work, unicodedata.normalize("NFC", work.text.strip("\n")), font, picture)
    letters = letters_of(spot, work)
    look = plated(work, letters, picture) if spot.plate else outlined(work, letters, picture)
    letters.draw(picture, look)
    return Composed(
        picture,
        Lettering(
            text=work.text,
            box=letters.box_in(picture),
            size=round(spot.block.size),
            lines=len(spot.block.lines),
            font=font,
            colour=as_text(look.colour),
            outline=as_text(look.around) if look.around and not spot.plate else None,
            plate=as_text(look.around) if look.around and spot.plate else None,
            contrast=round(look.contrast, 2),
        ),
    )


@dataclass(frozen=True)
class Look:
    """The letters' colour, that of their outline or plate, and their contrast with that or with the picture."""

    colour: Colour
    around: Colour | None
    contrast: float


@dataclass(frozen=True)
class Letters:
    """Ink, what may lie around it (a rim or a plate), and where the latter's corner lies in the picture."""

    ink: Mask
    around: Mask
    corner: tuple[int, int]

    def box_in(self, picture: Image.Image) -> Box:
        """What they take of the picture."""
        left, top = self.corner
        right, bottom = left + self.around.width, top + self.around.height
        return max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)

    def draw(self, picture: Image.Image, look: Look) -> None:
        if look.around is not None:
            picture.paste(Image.new("RGB", self.around.size, look.around), self.corner, self.around)
        left, top = self.corner
        place = left + (self.around.width - self.ink.width) // 2, top + (self.around.height - self.ink.height) // 2
        picture.paste(Image.new("RGB", self.ink.size, look.colour), place, self.ink)


def letters_of(spot: Spot, work: ComposeText) -> Letters:
    level, size = mask_of(spot.block, work.align), spot.block.size
    ink = turned(level, work.rotation)
    if spot.plate:
        around = turned(plate_of(level, max(2, round(PLATE_RIM * size))), work.rotation)
    else:
        around = grown(ink, max(1, round(RIM * size)))
    return Letters(ink, around, corner_in(spot.area, around.size, work))


def plated(work: ComposeText, letters: Letters, picture: Image.Image) -> Look:
    """On a plate: light or dark, as the picture is there, or as a wanted colour needs it."""
    if work.colour:
        plate = opposite(parse(work.colour))
    else:
        plate = nearest((LIGHT, DARK), pixels_under(picture, letters.around, letters.corner))
    colour = parse(work.colour) if work.colour else opposite(plate)
    return Look(colour, plate, contrast(colour, np.array([plate], float)))


def outlined(work: ComposeText, letters: Letters, picture: Image.Image) -> Look:
    """On the picture itself; where nobody spoke of an outline, it is there if it takes one to read."""
    under = pixels_under(picture, letters.around, letters.corner)
    colour = parse(work.colour) if work.colour else best_of(under)
    ratio = contrast(colour, under)
    if work.outline is False or (work.outline is None and ratio >= LEGIBLE_CONTRAST):
        return Look(colour, None, ratio)
    outline = opposite(colour)
    return Look(colour, outline, contrast(outline, np.array([colour], float)))
