"""Where words are set when nobody says where."""

from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageDraw

from services.typesetting.places import places
from services.typesetting.typesetter import compose
from shared.text_jobs import ComposeText

Work = partial(ComposeText, source="0" * 64 + ".png", position="calm")


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray((np.random.default_rng(4).random((height, width, 3)) * 255).astype(np.uint8))


def calm_in(box: tuple[int, int, int, int], size: tuple[int, int] = (256, 256)) -> Image.Image:
    """Noise, but for a plain box."""
    picture = noise(*size)
    picture.paste((200, 180, 160), box)
    return picture


def inside(inner: tuple[int, ...], outer: tuple[int, ...], slack: int = 3) -> bool:
    first = all(a >= b - slack for a, b in zip(inner[:2], outer[:2], strict=True))
    return first and all(a <= b + slack for a, b in zip(inner[2:], outer[2:], strict=True))


@pytest.mark.parametrize("box", [(10, 10, 246, 90), (10, 160, 246, 246), (20, 100, 236, 170), (128, 20, 250, 230)])
def test_words_stand_in_the_calm_part_of_a_picture(box):
    lettering = compose(Work(text="OPEN"), calm_in(box)).lettering
    assert inside(lettering.box, box)
    assert lettering.plate is None


def test_words_keep_clear_of_what_the_picture_shows():
    picture = Image.new("RGB", (256, 256), "skyblue")
    draw = ImageDraw.Draw(picture)
    thing = (78, 90, 178, 190)
    for ring in range(10):  # many edges, as a thing has
        draw.ellipse(
            [thing[0] + 5 * ring, thing[1] + 5 * ring, thing[2] - 5 * ring, thing[3] - 5 * ring], outline="red"
        )
    left, top, right, bottom = compose(Work(text="A long word here"), picture).lettering.box
    assert bottom <= thing[1] or top >= thing[3] or right <= thing[0] or left >= thing[2]


def test_a_plain_ground_takes_them_in_its_middle():
    left, _, right, _ = compose(Work(text="OPEN"), Image.new("RGB", (256, 256), "teal")).lettering.box
    assert abs((left + right) / 2 - 128) <= 8


def test_where_nothing_is_calm_they_get_a_plate_unless_none_is_wanted():
    assert compose(Work(text="OPEN"), noise(256, 256)).lettering.plate is not None
    bare = compose(Work(text="OPEN", plate=False), noise(256, 256)).lettering
    assert bare.plate is None
    assert bare.outline is not None


def test_letters_are_no_larger_than_a_caption_wants():
    assert compose(Work(text="A"), Image.new("RGB", (500, 500), "teal")).lettering.size <= 100


def test_every_place_lies_within_the_margin_and_edges_make_it_restless():
    picture = calm_in((0, 0, 256, 128))
    found = list(places(picture, 12))
    assert found
    assert all(inside(place.box, (12, 12, 244, 244), slack=2) for place in found)
    assert all(place.calm == (place.box[3] <= 130) for place in found)


@pytest.mark.parametrize("size", [(64, 64), (64, 700), (1200, 80), (2000, 1500)])
def test_pictures_of_any_shape_have_a_place(size):
    lettering = compose(Work(text="OPEN"), calm_in((0, 0, 1, 1), size)).lettering
    assert inside(lettering.box, (0, 0, *size), slack=0)
