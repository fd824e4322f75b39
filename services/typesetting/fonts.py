"""The shipped fonts: which one has a character, for shaping and for drawing. Knows files, not pictures.

One face is tried after the other: the wanted one first, then one for each further script. Faces are opened once per
thread: FreeType's may not be shared.
"""

import threading
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import freetype
import uharfbuzz

from shared.errors import InvalidRequest
from shared.text_jobs import FontName

HARFBUZZ: Any = uharfbuzz
"""Its names come from a compiled module, which the type checker does not see."""
FOLDER = Path(__file__).with_name("fonts")
FILES: dict[FontName, str] = {
    "sans": "NotoSans-Regular.ttf",
    "sans-bold": "NotoSans-Bold.ttf",
    "serif": "NotoSerif-Regular.ttf",
    "serif-bold": "NotoSerif-Bold.ttf",
    "mono": "NotoMono-Regular.ttf",
}
FURTHER = ("NotoSans", "NotoSansArabic", "NotoSansHebrew", "NotoSansDevanagari", "NotoSansThai")
"""Families that stand in where the wanted font lacks a character, in its weight."""
CJK = "NotoSansCJKsc-Bold.otf"
IGNORED, JOINING = ("Cf",), ("Mn", "Me")
"""Categories of characters that need no glyph, and of those that join the one before them."""

_opened = threading.local()


@cache
def shaping_face(file: str) -> Any:
    return HARFBUZZ.Face(HARFBUZZ.Blob.from_file_path(str(FOLDER / file)))


@cache
def characters_of(file: str) -> frozenset[int]:
    return frozenset(shaping_face(file).unicodes)


def drawing_face(file: str) -> Any:
    """This thread's own."""
    faces = _opened.__dict__.setdefault("faces", {})
    if file not in faces:
        faces[file] = freetype.Face(str(FOLDER / file))
    return faces[file]


def files_for(font: FontName) -> tuple[str, ...]:
    """All that may be used for a wanted font, in the order in which they are tried."""
    weight = "Bold" if font.endswith("bold") else "Regular"
    return (FILES[font], *(f"{family}-{weight}.ttf" for family in FURTHER), CJK)


def file_for(character: str, font: FontName, before: str | None) -> str:
    """The file that draws a character; marks and spaces stay with what stands before them where that font has them.

    Raises InvalidRequest where no font has it.
    """
    category = unicodedata.category(character)
    if category in IGNORED:
        return before or FILES[font]
    joins = category in JOINING or character == " "
    for file in (before, *files_for(font)) if before and joins else files_for(font):
        if ord(character) in characters_of(file):
            return file
    name = unicodedata.name(character, f"U+{ord(character):04X}")
    raise InvalidRequest(f"No font here has the character {character!r} ({name}).", code="character_not_in_fonts")
