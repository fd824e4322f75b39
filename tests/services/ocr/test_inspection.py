"""Finding text without reading it: how high its letters are, and what is none."""

import io
from random import Random

import pytest
from PIL import Image

from services.ocr.inspection import inspect
from tests.conftest import png
from training.reading.pages import LINES, make_page
from training.world import render, sample_scene

PIXELS = 4_000_000


@pytest.mark.parametrize("height", [6, 9, 14, 24, 41])
def test_capitals_are_as_high_as_they_were_drawn(reader, height):
    for number in range(4):
        inspected = inspect(reader.models, make_page(number, height).png, PIXELS)
        assert len(inspected.heights) == LINES
        middle = sorted(inspected.heights)[LINES // 2]
        assert middle == pytest.approx(height, abs=max(2.0, 0.15 * height))
        assert list(inspected.heights) == sorted(inspected.heights)
        for (left, top, right, bottom), capital in zip(inspected.boxes, inspected.heights, strict=True):
            assert right - left > bottom - top > capital
            assert -5 < left < right < inspected.width + 5
            assert -5 < top < bottom < inspected.height + 5


def test_pictures_of_things_hold_no_text(reader):
    rng, found = Random(3), []
    for _ in range(20):
        out = io.BytesIO()
        Image.fromarray(render(sample_scene(rng))).save(out, "PNG")
        found += inspect(reader.models, out.getvalue(), PIXELS).heights
    assert found == []


def test_an_empty_picture_is_a_picture_without_text(reader):
    inspected = inspect(reader.models, png(40, 30), PIXELS)
    assert (inspected.heights, inspected.width, inspected.height) == ((), 40, 30)
