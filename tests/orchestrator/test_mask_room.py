"""The room that masks leave for words."""

import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from orchestrator.mask_room import largest_box


def opened(size, *boxes):
    mask = Image.new("L", size, 0)
    for box in boxes:
        mask.paste(255, box)
    return mask


def test_a_box_is_its_own_room():
    assert largest_box(opened((300, 200), (40, 30, 100, 90))) == (40, 30, 100, 90)


def test_of_several_boxes_it_is_the_largest():
    assert largest_box(opened((300, 200), (0, 0, 50, 60), (100, 20, 290, 60), (200, 100, 210, 199))) == (
        100, 20, 290, 60,
    )  # fmt: skip


def test_in_a_corner_of_two_arms_it_is_the_longer_one():
    assert largest_box(opened((100, 100), (0, 0, 20, 100), (0, 80, 90, 100))) == (0, 0, 20, 100)


def test_what_is_not_wholly_open_is_closed():
    mask = opened((100, 20), (0, 0, 100, 20))
    mask.paste(254, (30, 5, 31, 6))
    assert largest_box(mask) == (0, 6, 100, 20)


@pytest.mark.parametrize("size", [(257, 255), (1000, 700), (4096, 3000)])
def test_no_pixel_of_a_large_masks_room_is_closed(size):
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).ellipse([size[0] // 10, size[1] // 10, size[0] * 9 // 10, size[1] * 9 // 10], fill=255)
    began = time.perf_counter()
    left, top, right, bottom = largest_box(mask)
    assert time.perf_counter() - began < 2
    assert np.asarray(mask)[top:bottom, left:right].min() == 255
    most = 0.5 * 0.64 * size[0] * size[1]  # the largest box in an ellipse takes 2/pi of it
    assert (right - left) * (bottom - top) > 0.9 * most


def test_a_mask_of_single_pixels_has_room_for_nothing():
    mask = Image.fromarray(np.indices((600, 600)).sum(axis=0).astype(np.uint8) % 2 * 255)
    left, top, right, bottom = largest_box(mask)
    assert (right - left, bottom - top) == (1, 1)
