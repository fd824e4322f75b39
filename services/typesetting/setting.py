"""Lines of text in a box: where they break, how large they can be, where each stands. Knows no pixels."""

import math
import re
from dataclasses import dataclass

from services.typesetting.shaping import Line, shape
from shared.errors import InvalidRequest
from shared.text_jobs import Align, FontName

SMALLEST, LARGEST = 8, 2000
"""Sizes of type in pixels; nobody reads smaller."""
BREAKABLE = re.compile(r"\S+\s*|\s+")
CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
"""Between these a line may break anywhere."""
LEADING = 0.85
"""Of ascent and descent together: what fonts allow for stacked accents is too loose for lettering."""


@dataclass(frozen=True)
class Block:
    """Set lines, the first baseline `lines[0].ascent` below the top. In pixels."""

    lines: tuple[Line, ...]
    size: float
    width: float
    height: float

    @property
    def pitch(self) -> float:
        """From one baseline to the next."""
        return max(line.ascent + line.descent for line in self.lines) * LEADING

    def left_of(self, line: Line, align: Align) -> float:
        free = self.width - line.width
        return {"left": 0.0, "centre": free / 2, "right": free}[align]


@dataclass(frozen=True)
class Room:
    """Where text may stand, in pixels."""

    width: float
    height: float
    degrees: float = 0.0
    """By which the text is turned in it, anticlockwise."""
    rim: float = 0.0
    """Width of the outline or plate around the letters, in sizes of the type."""
    most: int = LARGEST
    """Largest size of type that is wanted where none is given."""

    def takes(self, tried: Block) -> bool:
        width, height = self.taken_by(tried)
        return width <= self.width and height <= self.height

    def taken_by(self, tried: Block) -> tuple[float, float]:
        """Width and height of a turned block with its outline."""
        sine, cosine = abs(math.sin(math.radians(self.degrees))), abs(math.cos(math.radians(self.degrees)))
        width, height = tried.width + 2 * self.rim * tried.size, tried.height + 2 * self.rim * tried.size
        return width * cosine + height * sine, width * sine + height * cosine

    def line_width(self, size: float) -> float | None:
        """At which lines are broken; None: they are not, for the text stands aslant."""
        along = {0: self.width, 90: self.height}.get(round(self.degrees) % 180 if self.degrees % 90 == 0 else -1)
        return None if along is None else along - 2 * self.rim * size


def fitted(text: str, font: FontName, room: Room, size: int | None = None) -> Block:
    """The text in this size, or as large as it can be. Text that has lines of its own keeps them where they fit.

    Raises InvalidRequest where it does not fit.
    """

    least = size or SMALLEST
    as_written = "\n" in text and room.takes(block(text, font, least, None))

    def tried(size: int) -> Block:
        return block(text, font, size, None if as_written else room.line_width(size))

    best = tried(least)
    if not room.takes(best):
        width, height = room.taken_by(best)
        raise InvalidRequest(
            f"The text does not fit: in letters of {best.size:.0f} pixels it takes {width:.0f}x{height:.0f} pixels, "
            f"and there are {room.width:.0f}x{room.height:.0f}. Give it a larger box, a smaller size, or less text.",
            code="text_does_not_fit",
        )
    low, high = (size, size) if size else (SMALLEST, min(room.most, int(max(room.width, room.height))))
    while low < high:
        middle = (low + high + 1) // 2
        if room.takes(larger := tried(middle)):
            low, best = middle, larger
        else:
            high = middle - 1
    return best


def block(text: str, font: FontName, size: float, width: float | None) -> Block:
    """The text in one size: its own lines, broken further where they are wider than `width`."""
    lines = [line for written in text.split("\n") for line in broken(written, font, size, width)]
    pitch = max(line.ascent + line.descent for line in lines) * LEADING
    height = pitch * (len(lines) - 1) + lines[0].ascent + lines[-1].descent
    return Block(tuple(lines), size, max(line.width for line in lines), height)


def broken(text: str, font: FontName, size: float, width: float | None) -> list[Line]:
    """One written line as one or more lines; a word that is wider than all stays whole."""
    whole = shape(text, font, size)
    if width is None or whole.width <= width:
        return [whole]
    found: list[str] = [""]
    for piece in pieces_of(text):
        longer = found[-1] + piece
        if found[-1] and shape(longer.rstrip(), font, size).width > width:
            found.append("")
            longer = piece
        found[-1] = longer
    return [shape(line.rstrip(), font, size) for line in found]


def pieces_of(text: str) -> list[str]:
    """Between which a line may break."""
    found: list[str] = []
    for piece in BREAKABLE.findall(text):
        found += re.findall(rf"{CJK.pattern}\s*|(?:(?!{CJK.pattern}).)+", piece)
    return found
