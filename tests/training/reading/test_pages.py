"""Pages, measured from their pixels."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.reading.pages import FONTS, HEIGHTS, LINES, MARGIN, SIDE, font, make_page, page_text


def ink_rows(picture: Image.Image) -> np.ndarray:
    """The numbers of rows that hold ink: pixels clearly darker than the paper."""
    grey = np.asarray(picture.convert("L"), np.int16)
    return np.flatnonzero((grey.max() - grey > 60).any(axis=1))


@pytest.mark.parametrize("name", FONTS)
@pytest.mark.parametrize("height", HEIGHTS)
def test_a_capital_is_as_high_as_asked_for(name, height):
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(picture).text((100, 300), "H", font=font(name, height), fill="black", anchor="ls")
    rows = ink_rows(picture)
    assert rows[-1] == 299  # the baseline
    assert rows[-1] - rows[0] + 1 == height


def open_page(number: int, height: int) -> Image.Image:
    picture = Image.open(io.BytesIO(make_page(number, height).png))
    assert picture.size == (SIDE, SIDE)
    return picture


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("height", [HEIGHTS[0], HEIGHTS[-1]])
def test_all_ink_lies_within_the_page(number, height):
    paper = np.asarray(open_page(number, height).convert("L"), np.int16)
    edge = np.ones_like(paper, bool)
    edge[MARGIN // 2 : -MARGIN // 2, MARGIN // 2 : -MARGIN // 2] = False
    assert paper[edge].min() == paper.max()
    assert paper.min() <= 80


def test_larger_letters_are_larger_on_the_page():
    extents = [np.ptp(ink_rows(open_page(3, height))) for height in HEIGHTS]
    assert extents == sorted(set(extents))
    assert extents[-1] / extents[0] == pytest.approx(HEIGHTS[-1] / HEIGHTS[0], rel=0.15)


def test_a_page_is_the_same_each_time_and_its_text_at_each_height():
    assert make_page(5, 12) == make_page(5, 12)
    assert make_page(5, 12).lines == make_page(5, 41).lines == page_text(5)
    assert make_page(5, 12).png != make_page(5, 14).png


def test_pages_differ_and_hold_words_digits_and_codes():
    texts = [page_text(number) for number in range(40)]
    assert len(set(texts)) == 40
    assert {len(lines) for lines in texts} == {LINES}
    together = "\n".join(line for lines in texts for line in lines)
    assert set("0123456789.:-abcdefghijklmnopqrstuvwxyz") <= set(together)
    assert all(len(line) >= 8 for line in together.splitlines())
