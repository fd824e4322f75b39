"""Reading order, on boxes alone."""

from services.ocr.layout import Box, reading_order


def box(left: float, top: float, width: float, index: int, height: float = 16) -> Box:
    return Box(left, top, left + width, top + height, index)


def order(boxes: list[Box]) -> list[list[int]]:
    return [[box.index for box in line] for line in reading_order(boxes)]


def test_nothing_has_no_lines():
    assert order([]) == []


def test_lines_go_from_top_to_bottom_and_pieces_of_a_line_from_left_to_right():
    boxes = [box(300, 12, 90, 0), box(20, 40, 200, 1), box(20, 10, 200, 2), box(120, 41, 90, 3)]
    boxes[3] = box(240, 41, 90, 3)
    assert order(boxes) == [[2, 0], [1, 3]]


def test_pieces_above_each_other_are_never_one_line_however_close():
    assert order([box(20, 10, 100, 0), box(22, 16, 100, 1)]) == [[0], [1]]


def test_a_slightly_slanted_line_stays_one_line():
    assert order([box(20 + 110 * k, 10 + 4 * k, 100, k) for k in range(5)]) == [[0, 1, 2, 3, 4]]


def test_a_small_mark_beside_a_tall_title_does_not_swallow_the_next_line():
    assert order([box(20, 10, 300, 0, height=40), box(340, 44, 40, 1, height=12), box(20, 60, 200, 2)]) == [
        [0],
        [1],
        [2],
    ]


def test_two_columns_of_running_text_are_read_one_after_the_other_between_head_and_foot():
    head, foot = box(40, 10, 900, 100, height=24), box(40, 400, 900, 101)
    left = [box(40, 60 + 24 * k, 400 - 10 * (k % 3), k) for k in range(10)]
    right = [box(500, 62 + 24 * k, 400 - 15 * (k % 4), 20 + k) for k in range(10)]

    found = order([*right, foot, *left, head])

    assert found == [[100], *([k] for k in range(10)), *([20 + k] for k in range(10)), [101]]


def test_three_columns_are_read_one_after_the_other():
    boxes = [box(40 + 320 * c, 20 + 24 * k, 280, 10 * c + k) for k in range(6) for c in range(3)]
    assert order(boxes) == [[10 * c + k] for c in range(3) for k in range(6)]


def test_rows_of_a_receipt_stay_together():
    names = [box(20, 20 + 30 * k, 90 + 10 * (k % 3), k) for k in range(8)]
    prices = [box(330, 20 + 30 * k, 35, 20 + k) for k in range(8)]
    assert order(names + prices) == [[k, 20 + k] for k in range(8)]
