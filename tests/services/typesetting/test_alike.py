"""What counts as the same when words are read back: only what the fonts do not show."""

from itertools import combinations

import freetype
import numpy as np
import pytest

from services.typesetting.alike import ALONE, SAME, same
from services.typesetting.drawing import FLAGS
from services.typesetting.fonts import drawing_face, file_for

TWINS, HYPHENS = SAME[0], SAME[1]


def drawn(character: str, size: int = 64) -> np.ndarray:
    """The shape that the usual font draws, on a common ground."""
    face = drawing_face(file_for(character, "sans-bold", None))
    face.set_char_size(size * 64, 0, 72, 72)
    face.set_transform(freetype.Matrix(0x10000, 0, 0, 0x10000), freetype.Vector(0, 0))
    face.load_char(character, FLAGS)
    bitmap, ground = face.glyph.bitmap, np.zeros((2 * size, 2 * size), np.uint8)
    shape = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, : bitmap.width]
    top = 3 * size // 2 - face.glyph.bitmap_top
    ground[top : top + bitmap.rows, : bitmap.width] = shape
    return ground


@pytest.mark.parametrize("group", [group for groups in (TWINS, HYPHENS) for group in groups[0].split()])
def test_letters_of_several_scripts_are_the_same_where_the_font_draws_them_so(group):
    for one, other in combinations(group, 2):
        assert np.array_equal(drawn(one), drawn(other)), f"{one} {other}"


@pytest.mark.parametrize("group", [group for groups, _ in ALONE for group in groups.split()])
def test_what_only_a_comparison_shows_is_the_same_alone_and_not_beside_each_other(group):
    for one, other in combinations(group, 2):
        assert same(f"x{one}x", f"x{other}x")
        assert not np.array_equal(drawn(one), drawn(other))
        assert not same(f"{one}x{other}", f"{other}x{one}")


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        ("OPEN", "OPEN"),
        ("Good morning", "Good\nmorning"),
        ("你好世界", "你好\n世界"),
        ("你好 世界", "你好世界"),
        ("it’s “on”", "it's \"on\""),
        ("10:30–18:00", "10:30-18:00"),
        ("ΚΑΛΗΜΕΡΑ", "KAΛHMEPA"),
        ("ΘΕΑΤΡΟ", "ΘEATP0"),
        ("ＯＰＥＮ", "OPEN"),
        ("wait…", "wait..."),
        ("Zoe\u0308", "Zoë"),
    ],
)  # fmt: skip
def test_what_looks_alike_is_exact(wanted, read):
    assert same(wanted, read)


@pytest.mark.parametrize(
    ("wanted", "read"),
    [
        ("OPEN", "0PEM"),
        ("OPEN", "Open"),
        ("OPEN", "OPEN!"),
        ("OPEN", ""),
        ("naïve", "naive"),
        ("Łódź", "Lódź"),
        ("Il", "II"),
        ("l", "1"),
        ("e=mc²", "e=mc2"),
        ("½", "1/2"),
        ("Good morning", "Goodmorning"),
        ("50 % off", "50% off"),
        ("one two", "two one"),
        ("O0", "00"),
        ("ガ", "カ"),
    ],
)
def test_what_can_be_told_apart_is_not(wanted, read):
    assert not same(wanted, read)
