"""What is told of what was read: lines of words with their boxes, and why there may be more than is told.

Knows no models and no pixels.
"""

from dataclasses import dataclass

import numpy as np

from services.ocr.detection import Quads, bounds
from services.ocr.pose import part
from services.ocr.recognition import Reading, join
from services.ocr.settings import OcrSettings
from shared.text_jobs import TextLine, TextWord

UNSURE = 0.85
"""Confidence of a line below which the result says that it may be wrong."""


@dataclass(frozen=True)
class Piece:
    """A box that was read: its corners in pixels of the picture, beginning where the text begins."""

    quad: Quads
    reading: Reading


def text_line(pieces: list[Piece], corner: Quads) -> TextLine:
    """A line as it is told; `corner` is where the region that was read begins."""
    reading = join([piece.reading for piece in pieces])
    words = tuple(
        TextWord(
            text=word.text,
            box=box_around([part(piece.quad, word.start, word.end) + corner]),
            confidence=round(word.confidence, 3),
        )
        for piece in pieces
        for word in piece.reading.words
    )
    box = box_around([piece.quad + corner for piece in pieces])
    return TextLine(text=reading.text, box=box, confidence=round(reading.confidence, 4), words=words)


def box_around(quads: list[Quads]) -> tuple[float, float, float, float]:
    box = bounds(np.concatenate(quads))
    return round(box.left, 1), round(box.top, 1), round(box.right, 1), round(box.bottom, 1)


def note_of(found: list[TextLine], dropped: int, unread: int, settings: OcrSettings) -> str:
    """Why there may be text in the picture that is not in the result; empty where there is nothing to say."""
    said = [] if found or dropped or unread else ["No text was found in the picture."]
    if dropped:
        said.append(
            f"{dropped} {'place looks' if dropped == 1 else 'places look'} like text, but could not be read with a "
            f"confidence of {settings.ocr_min_confidence:g}: too small, too blurred, or of a script that is not known."
        )
    unsure = sum(line.confidence < UNSURE for line in found)
    if unsure:
        said.append(f"{unsure} of {len(found)} lines are read with a confidence below {UNSURE:g} and may be wrong.")
    if unread:
        said.append(f"Reading stopped after {settings.ocr_page_s:g} s; {unread} lines were not read.")
    return " ".join(said)
