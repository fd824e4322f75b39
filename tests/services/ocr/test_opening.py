"""Which line is the first of a page, told from the boxes of its top alone."""

import numpy as np
import pytest

from services.ocr.layout import Box, lines
from services.ocr.opening import find_opening, is_first, top_of
from services.ocr.recognition import Reading
from services.ocr.telling import Piece


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left, top, right, bottom)


def first(*boxes: Box) -> bool:
    return is_first(lines(boxes)[0], list(boxes))


def quad(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def read_as(confidence: float):
    return lambda quads: [Piece(one, Reading("some words here", confidence)) for one in quads]


def test_a_line_above_all_others_is_the_first():
    assert first(box(20, 10, 400, 30), box(20, 40, 400, 60), box(20, 70, 200, 90))
    assert first(box(150, 10, 300, 30), box(20, 40, 400, 60)), "a title in the middle"


def test_beginnings_of_two_columns_are_not_taken_for_a_line():
    assert not first(box(20, 10, 300, 30), box(330, 10, 600, 30), box(20, 40, 300, 60), box(330, 40, 600, 60))
    assert not first(box(330, 10, 600, 30), box(20, 40, 300, 60), box(330, 40, 600, 60)), "the right one begins higher"


def test_the_cells_of_a_row_are_one_line():
    assert first(box(20, 10, 60, 30), box(200, 10, 300, 30), box(20, 40, 100, 60), box(200, 40, 260, 60))


def test_a_short_word_does_not_show_how_the_page_lies():
    assert not first(box(20, 10, 80, 30), box(20, 40, 400, 60))


def test_a_line_that_is_cut_or_read_unsurely_opens_nothing():
    quads = np.array([quad(20, 10, 400, 30)])
    assert find_opening(quads, 100, read_as(0.99)) is not None
    assert find_opening(quads, 25, read_as(0.99)) is None
    assert find_opening(quads, 100, read_as(0.85)) is None
    assert find_opening(quads[:0], 100, read_as(0.99)) is None


def test_the_line_is_known_again_among_the_boxes_of_the_whole_page():
    opening = find_opening(np.array([quad(20, 10, 400, 30)]), 100, read_as(0.99))
    assert opening is not None
    others = np.array([quad(18, 11, 396, 31), quad(20, 40, 400, 60)])
    assert np.array_equal(opening.apart_from(others), others[1:])


@pytest.mark.parametrize(
    ("height", "scale", "rows"), [(100, 1, 100), (1000, 1, 128), (3508, 0.5, 576), (8000, 1, 1888)]
)
def test_the_top_takes_whole_steps_of_the_detectors_grid(height: int, scale: float, rows: int):
    assert len(top_of(np.zeros((height, 10, 3), np.uint8), scale)) == rows
