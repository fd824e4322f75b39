"""How words are set again where they could not be read back: with a plate, in another font, smaller.

Only what the work leaves open is changed. Knows no OCR.
"""

from collections.abc import Iterator

from PIL import Image

from services.typesetting.spots import LEAST_PIXELS
from services.typesetting.typesetter import Composed, compose
from shared.errors import InvalidRequest
from shared.text_jobs import ComposeText, FontName

WAYS: tuple[tuple[bool | None, FontName | None, float], ...] = (
    (None, None, 1.0),
    (None, None, 0.75),
    (True, None, 1.0),
    (True, "serif-bold", 1.0),
    (True, "sans", 0.75),
    (True, "mono", 0.75),
    (True, "serif", 0.9),
    (True, None, 0.6),
)
"""Plate, font and size, this one in sizes of the first attempt: None as the work has it."""


def attempts(work: ComposeText, source: Image.Image) -> Iterator[Composed]:
    """The words set in one way after the other, the best-looking first. Raises InvalidRequest where the first fails."""
    first = compose(work, source)
    yield first
    tried = [work]
    for plate, font, scale in WAYS[1:]:
        size = round(first.lettering.size * scale)
        changed = {"plate": plate, "font": font, "size": size if scale < 1 and size >= LEAST_PIXELS else None}
        other = work.model_copy(update={name: value for name, value in changed.items() if getattr(work, name) is None})
        if other in tried:
            continue
        tried.append(other)
        try:
            yield compose(other, source)
        except InvalidRequest:  # it does not fit in this way
            continue
