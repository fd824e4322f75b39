"""The text that a PDF's page brings along, instead of reading it: exact, where it can be believed.

It is believed where its characters have meanings, where the page shows text in its places, and where samples of what
the page shows read the same: a layer may be hidden, wrongly encoded, or a bad reading of a scan. Knows no PDF.
"""

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from services.ocr.detection import Quads
from services.ocr.loading import Floats
from services.ocr.recognition import Reading, Word
from services.ocr.telling import Piece
from shared.jobs import Box

MEANINGLESS = {"Cc", "Cn", "Co", "Cs"}
"""Unicode's categories of what no font should be showing: controls, unassigned, private, surrogates."""
MOST_MEANINGLESS = 0.05
"""Share of such characters from which on a layer is refused."""
NEAR = 1.0
"""Heights of a word; what stands further from it is another piece."""
SAMPLES = 4
SAMPLE_CHARACTERS = 4
"""The least that a sample may have."""
ALIKE = 0.85
"""How alike samples must be to what is read there, 0 to 1; what is read is not without errors itself."""
COVERED = 0.3
"""Share of a box from which on the words that lie in it are its text."""

Stored = TypeAdapter(list[tuple[str, float, float, float, float]])


@dataclass(frozen=True)
class Layer:
    """Words in the page's own order. `boxes`: n × 4, left, top, right, bottom in pixels of what is read."""

    texts: list[str]
    boxes: Floats

    def chosen(self, kept: NDArray[np.bool_]) -> "Layer":
        return Layer([self.texts[index] for index in np.flatnonzero(kept)], self.boxes[kept])

    @property
    def middles(self) -> Floats:
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / np.float32(2)


def parsed(stored: bytes | None, region: Box) -> Layer | None:
    """The words that lie in a region, their places in it; None where there are none, or many without a meaning."""
    try:
        words = Stored.validate_python(json.loads(stored or b"[]"))
    except (ValueError, ValidationError, RecursionError):
        return None
    boxes = np.array([word[1:] for word in words], np.float32).reshape(-1, 4) - np.array(region[:2] * 2, np.float32)
    layer = Layer([word[0] for word in words], boxes)
    size = np.subtract(region[2:], region[:2])
    inside = [bool(((middle >= 0) & (middle < size)).all()) for middle in layer.middles]
    layer = layer.chosen(np.array(inside, np.bool_))
    characters = "".join(layer.texts)
    odd = sum(unicodedata.category(character) in MEANINGLESS or character == "\ufffd" for character in characters)
    return layer if characters and odd < MOST_MEANINGLESS * len(characters) else None


@dataclass(frozen=True)
class Given:
    """What a layer says of a page that shows the same."""

    pieces: list[Piece]
    rest: Quads
    """The boxes of text that it says nothing of."""
    hidden: int
    """Its words that the page does not show."""


def believed(
    layer: Layer, quads: Quads, known: frozenset[str], read: Callable[[list[Quads]], list[Reading]]
) -> Given | None:
    """What the layer says of a page on which there is text in `quads`; None where samples are read as something else.

    `known` are the characters that can be read.
    """
    seen = shown(layer, quads)
    pieces = pieces_of(seen)
    if not agrees(pieces, known, read):
        return None
    return Given(pieces, unread(seen, quads), len(layer.texts) - len(seen.texts))


def shown(layer: Layer, quads: Quads) -> Layer:
    """Those of the words in whose places text was found on the page: what is hidden is nobody's to read."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    inside = [((low <= middle) & (middle <= high)).all(axis=1).any() for middle in layer.middles]
    return layer.chosen(np.array(inside, np.bool_))


def unread(layer: Layer, quads: Quads) -> Quads:
    """The boxes that no words of the layer fill: pictures with text in them, and what stands askew."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    filled = np.zeros(len(quads), np.float32)
    for left, top, right, bottom in layer.boxes:
        sides = np.minimum(high, (right, bottom)) - np.maximum(low, (left, top))
        filled += np.maximum(sides, 0).prod(axis=1)
    return quads[filled < COVERED * np.maximum((high - low).prod(axis=1), 1)]


def pieces_of(layer: Layer) -> list[Piece]:
    """Words that follow each other closely in one line, put together."""
    if not layer.texts:
        return []
    runs = [[0]]
    for before, after in pairwise(range(len(layer.texts))):
        if not follows(layer.boxes[before], layer.boxes[after]):
            runs.append([])
        runs[-1].append(after)
    return [piece_of(layer, run) for run in runs]


def follows(box: Floats, other: Floats) -> bool:
    """Whether a word continues the line that another one ends."""
    shared = min(box[3], other[3]) - max(box[1], other[1])
    low, high = sorted((box[3] - box[1], other[3] - other[1]))
    return bool(shared > 0.5 * high and -0.5 * low < other[0] - box[2] < NEAR * low)


def piece_of(layer: Layer, run: list[int]) -> Piece:
    boxes = layer.boxes[run]
    left, top = boxes[:, :2].min(axis=0)
    right, bottom = boxes[:, 2:].max(axis=0)
    wide = max(right - left, 1e-3)
    words = tuple(
        Word(layer.texts[index], float((box[0] - left) / wide), float((box[2] - left) / wide), 1.0)
        for index, box in zip(run, boxes, strict=True)
    )
    quad = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    return Piece(quad, Reading(" ".join(word.text for word in words), 1.0, words), given=True)


def agrees(pieces: list[Piece], known: frozenset[str], read: Callable[[list[Quads]], list[Reading]]) -> bool:
    """Whether samples say what is read in their places; so where none of them is of characters that can be read."""
    plain = [(piece, "".join(piece.reading.text.split())) for piece in pieces]
    able = [(piece, text) for piece, text in plain if len(text) >= SAMPLE_CHARACTERS and set(text) <= known]
    samples = able[:: max(1, len(able) // SAMPLES)][:SAMPLES]
    readings = read([piece.quad for piece, _ in samples])
    likenesses = [
        SequenceMatcher(None, text, "".join(reading.text.split()), autojunk=False).ratio()
        for (_, text), reading in zip(samples, readings, strict=True)
    ]
    return not likenesses or mean(likenesses) >= ALIKE
