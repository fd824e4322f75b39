"""What is told of what was read: lines of words with their boxes, and why there may be more than is told.

Knows no models and no pixels.
"""

from dataclasses import dataclass

import numpy as np

from services.ocr.detection import Quads, bounds
from services.ocr.pose import part, sides
from services.ocr.recognition import Reading, join
from services.ocr.scripts import script_of
from services.ocr.settings import OcrSettings
from shared.text_jobs import UNSURE, TextLine, TextWord

SMALL = 9.5
"""Height of a line's box in pixels below which, in two measurements, one character in seven to seventeen and more was
misread, often with confidence; above it one in forty and less."""
SMALL_CONFIDENCE = UNSURE - 0.01
"""What such a line is believed at most: the recogniser is as sure of letters of 3 pixels that it makes up."""
SPARSE = 3.0
"""Heights of a box per character. Where there are more, and the recogniser is not sure, it took one or two letters of a
script that it does not know for some that it does, and passed over the others."""
LAYER = "PDF text layer"


@dataclass(frozen=True)
class Piece:
    """A box that was read: its corners in pixels of the picture, beginning where the text begins."""

    quad: Quads
    reading: Reading
    given: bool = False
    """Not read: the page's own text says so."""


@dataclass
class LeftOut:
    """What is not in a result, though something spoke for it."""

    unclear: int = 0
    """Places that look like text."""
    late: int = 0
    """Lines that time did not suffice for."""
    disbelieved: bool = False
    """The text that the page brought along, for the page shows another."""
    hidden: int = 0
    """Words of that text that the page does not show."""


def is_read(piece: Piece, least: float) -> bool:
    """Whether a box was read, with at least that confidence."""
    reading = piece.reading
    if not reading.text or reading.confidence < least:
        return False
    (width,), (height,) = sides(piece.quad[None])
    return reading.confidence >= UNSURE or bool(width <= SPARSE * height * len(reading.text))


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
    source = "layer" if all(piece.given for piece in pieces) else "ocr"
    small = source == "ocr" and box[3] - box[1] < SMALL
    return TextLine(
        text=reading.text,
        box=box,
        confidence=round(min(reading.confidence, SMALL_CONFIDENCE) if small else reading.confidence, 4),
        words=words,
        script=script_of(reading.text),
        source=source,
    )


def box_around(quads: list[Quads]) -> tuple[float, float, float, float]:
    box = bounds(np.concatenate(quads))
    return round(box.left, 1), round(box.top, 1), round(box.right, 1), round(box.bottom, 1)


def engine_of(lines: list[TextLine], name: str) -> str:
    """Who says what was read."""
    sources = {line.source for line in lines}
    return " and ".join([LAYER] * ("layer" in sources) + [name] * (sources != {"layer"}))


def note_of(found: list[TextLine], left_out: LeftOut, settings: OcrSettings, scripts: list[str]) -> str:
    """Why there may be text in the picture that is not in the result; empty where there is nothing to say.

    `scripts` are those that can be read.
    """
    said = [] if found or left_out.unclear or left_out.late else ["No text was found in the picture."]
    if left_out.unclear:
        said.append(
            f"{left_out.unclear} {'place looks' if left_out.unclear == 1 else 'places look'} like text, but could "
            f"not be read with a confidence of {settings.ocr_min_confidence:g}: too small, too blurred, handwritten, "
            f"or of a script that is not known ({', '.join(scripts)} are)."
        )
    unsure = sum(line.unsure for line in found)
    if unsure:
        said.append(f"{unsure} of {len(found)} lines are read with a confidence below {UNSURE:g} and may be wrong.")
    partly = {line.script for line in found if line.source == "ocr"} - {"", "Japanese", *scripts}
    if partly:
        said.append(f"Of {' and '.join(sorted(partly))} not all letters are known; some may be missing.")
    small = sum(line.source == "ocr" and line.box[3] - line.box[1] < SMALL for line in found)
    if small:
        said.append(f"{small} of {len(found)} lines are less than {SMALL:g} pixels high, where much is misread.")
    if left_out.late:
        said.append(f"Reading stopped after {settings.ocr_page_s:g} s; {left_out.late} lines were not read.")
    if left_out.disbelieved:
        said.append("The PDF's own text is not what its page shows; the page was read instead.")
    if left_out.hidden:
        said.append(f"{left_out.hidden} words of the PDF's own text are not to be seen on its page and were left out.")
    return " ".join(said)
