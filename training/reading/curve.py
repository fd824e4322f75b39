"""Measures the curve: both readers on the same pages, height by height. Knows no model and no network."""

from collections.abc import Callable, Iterator, Sequence

from shared.reading_profile import ReadingPoint
from training.reading.pages import HEIGHTS, make_page
from training.reading.scores import score

WANTED_SHARE = 0.98
"""Of characters: about one in 50 wrong, still a text that one can read."""
PAGES = 16
"""Pages at each height, four in each font."""
Transcriber = Callable[[Sequence[bytes]], list[str]]
"""Turns PNG pages into texts."""


def reading_curve(vlm: Transcriber, ocr: Transcriber, pages: int) -> Iterator[ReadingPoint]:
    """One point after the other, by rising height."""
    for height in HEIGHTS:
        made = [make_page(number, height) for number in range(pages)]
        pictures, texts = [page.png for page in made], [page.lines for page in made]
        yield ReadingPoint(height_px=height, vlm=score(texts, vlm(pictures)), ocr=score(texts, ocr(pictures)))


def ocr_below(curve: Sequence[ReadingPoint], wanted: float = WANTED_SHARE) -> int | None:
    """The smallest height from which on, there and at all greater ones, the VLM reads the wanted share of characters.

    None when it does not even read the largest.
    """
    smallest = None
    for point in sorted(curve, key=lambda point: point.height_px, reverse=True):
        if point.vlm.characters.share < wanted:
            break
        smallest = point.height_px
    return smallest
