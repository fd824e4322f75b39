"""How much of a picture's text a VLM resolves, and what is said of it."""

import pytest

from orchestrator.reading_plan import FOUND_NOT, MEASURED_NOT, NO_TEXT, PicturePlan, ReadingPlan
from shared.text_places import TextPlaces
from tests.shared.test_reading_profile import seeing

AS_IT_IS = ((512, 1024), (1024, 4096), (2048, 4096))


def plan(*heights, size=(512, 512), reads_from=10, seen=AS_IT_IS):
    boxes = tuple((0, number, 9, number + 1) for number in range(len(heights)))
    places = TextPlaces(heights=heights, boxes=boxes, width=size[0], height=size[1], engine="quick", seconds=0)
    return PicturePlan(size, places, seeing(*seen, reads_from=reads_from))


@pytest.mark.parametrize(
    ("made", "seen", "unresolved"),
    [
        (plan(8, 9.9, 10, 30), (8, 9.9, 10, 30), 2),
        (plan(12, 30, size=(2048, 1000)), (6, 15), 1),
        (plan(12, 30, size=(2048, 1000), reads_from=None), (6, 15), 2),
        (plan(), (), 0),
    ],
)
def test_lines_count_as_high_as_the_model_sees_them(made, seen, unresolved):
    assert (made.seen, made.unresolved) == (seen, unresolved)
    assert made.unresolved_boxes == tuple((0, number, 9, number + 1) for number in range(unresolved))


@pytest.mark.parametrize(
    ("made", "note"),
    [
        (plan(8, 20), "The model does not resolve 1 of 2 lines: OCR reads them."),
        (plan(20), "The model reads 1 line by itself."),
        (plan(), NO_TEXT),
        (PicturePlan((9, 9), None, plan().profile), FOUND_NOT),
        (PicturePlan((9, 9), plan(8).places, None), MEASURED_NOT),
    ],
)
def test_it_is_said_in_a_sentence(made, note):
    assert made.note == note


def test_a_plan_names_the_pictures_that_need_reading():
    assert ReadingPlan({"image_1": plan(20), "image_2": plan(5)}).unresolved == ("image_2",)
    assert ReadingPlan().unresolved == ()


def test_a_picture_that_was_not_looked_at_is_not_called_unresolvable():
    assert PicturePlan((9, 9), None, plan().profile).unresolved == 0
