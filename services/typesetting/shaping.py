"""Text becomes glyphs with places: split by direction and font, shaped by HarfBuzz, put in the order of sight.

Knows no pixels: a line is laid out for type of one size, in parts of a pixel.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bidi import algorithm as bidi

from services.typesetting.fonts import HARFBUZZ, file_for, shaping_face
from shared.text_jobs import FontName

UNITS = 64
"""HarfBuzz's and FreeType's parts of a pixel."""


@dataclass(frozen=True)
class Glyph:
    """One shape of a font; its origin counts from where its line begins, upwards from the baseline, in pixels."""

    file: str
    number: int
    x: float
    y: float


@dataclass(frozen=True)
class Line:
    glyphs: tuple[Glyph, ...]
    width: float
    ascent: float
    """Above the baseline, in pixels; `descent` below it, both positive: of the tallest font in it."""
    descent: float


@dataclass(frozen=True)
class Run:
    """Characters of one direction and one font, in the order in which they are written."""

    text: str
    level: int
    """Of Unicode's bidirectional algorithm: odd ones run to the left."""
    file: str


def shape(text: str, font: FontName, size: float) -> Line:
    """One line without breaks in it. Raises InvalidRequest where no font has a character."""
    runs = list(runs_of(text, font))
    glyphs: list[Glyph] = []
    x = ascent = descent = 0.0
    for run in in_sight(runs):
        shaped, advance, extents = shape_run(run, size)
        glyphs += [Glyph(glyph.file, glyph.number, x + glyph.x, glyph.y) for glyph in shaped]
        x += advance
        ascent, descent = max(ascent, extents[0]), max(descent, extents[1])
    return Line(tuple(glyphs), x, ascent, descent)


def levels_of(text: str) -> list[tuple[str, int]]:
    """Each character with its embedding level; marks of direction are gone."""
    storage: dict[str, Any] = bidi.get_empty_storage()
    storage["base_level"] = bidi.get_base_level(text)
    storage["base_dir"] = ("L", "R")[storage["base_level"]]
    bidi.get_embedding_levels(text, storage)
    bidi.explicit_embed_and_overrides(storage)
    bidi.resolve_weak_types(storage)
    bidi.resolve_neutral_types(storage, False)
    bidi.resolve_implicit_levels(storage, False)
    return [(one["ch"], one["level"]) for one in storage["chars"]]


def runs_of(text: str, font: FontName) -> Iterator[Run]:
    marked: list[tuple[str, int, str]] = []
    file = None
    for character, level in levels_of(text):
        file = file_for(character, font, file)
        marked.append((character, level, file))
    for (level, file), group in groupby(marked, key=lambda one: one[1:]):
        yield Run("".join(character for character, *_ in group), level, file)


def in_sight(runs: list[Run]) -> list[Run]:
    """Runs from left to right (rule L2: from the highest level down, what is at least that high is reversed)."""
    order = list(runs)
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and order[end].level >= level:
                end += 1
            order[start:end] = order[start:end][::-1]
            start = end + 1
    return order


def shape_run(run: Run, size: float) -> tuple[list[Glyph], float, tuple[float, float]]:
    """Glyphs from left to right, their width, and ascent and descent of the font."""
    font = HARFBUZZ.Font(shaping_face(run.file))
    font.scale = (round(size * UNITS), round(size * UNITS))
    buffer = HARFBUZZ.Buffer()
    buffer.add_str(run.text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.level % 2 else "ltr"
    HARFBUZZ.shape(font, buffer)
    glyphs, x = [], 0.0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        place = ((x + position.x_offset) / UNITS, position.y_offset / UNITS)
        glyphs.append(Glyph(run.file, info.codepoint, *place))
        x += position.x_advance
    extents = font.get_font_extents("ltr")
    return glyphs, x / UNITS, (extents.ascender / UNITS, -extents.descender / UNITS)
