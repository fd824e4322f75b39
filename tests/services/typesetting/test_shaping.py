"""Order, joining and fonts of glyphs."""

import pytest

from services.typesetting.setting import pieces_of
from services.typesetting.shaping import shape
from shared.errors import InvalidRequest


def numbers(text: str) -> list[int]:
    return [glyph.number for glyph in shape(text, "sans", 40).glyphs]


def test_hebrew_runs_to_the_left_and_its_numbers_to_the_right():
    aleph, bet, one, two = numbers("א"), numbers("ב"), numbers("1"), numbers("2")
    space = numbers("א ")[0]
    assert numbers("אב") == bet + aleph
    assert numbers("אב 12") == [*one, *two, space, *bet, *aleph]


def test_hebrew_within_english_turns_only_itself():
    line = shape("A אב B", "sans", 40)
    assert [glyph.file.split("-")[0] for glyph in line.glyphs] == [
        "NotoSans", "NotoSans", "NotoSansHebrew", "NotoSansHebrew", "NotoSansHebrew", "NotoSans",
    ]  # fmt: skip
    assert [line.glyphs[0].number, line.glyphs[-1].number] == numbers("A") + numbers("B")
    assert [glyph.x for glyph in line.glyphs] == sorted(glyph.x for glyph in line.glyphs)


def test_brackets_are_mirrored_where_the_text_runs_to_the_left():
    opened, closed = shape("(", "sans", 40).glyphs[0], shape(")", "sans", 40).glyphs[0]
    glyphs = shape("(א)", "sans", 40).glyphs
    assert [glyphs[0].number, glyphs[-1].number] == [opened.number, closed.number]
    assert len(glyphs) == 3


def test_arabic_letters_join():
    alone = {number for letter in "سلام" for number in numbers(letter)}
    assert set(numbers("سلام")) - alone, "letters within a word have other shapes than alone"


def test_a_mark_stands_over_its_letter():
    line = shape("x\u0323", "sans", 40)
    letter, mark = line.glyphs
    assert letter.file == mark.file
    assert mark.number != 0
    assert line.width == shape("x", "sans", 40).width, "a mark takes no room"


def test_spaces_between_chinese_words_are_no_missing_glyphs():
    assert all(glyph.number != 0 for glyph in shape("你好 世界 한국", "sans", 40).glyphs)


def test_what_no_font_has_is_named():
    with pytest.raises(InvalidRequest, match="EGYPTIAN HIEROGLYPH A001"):
        shape("a\U00013000", "sans", 40)


def test_lines_break_between_words_and_between_chinese_characters():
    assert pieces_of("one two, 你好 three") == ["one ", "two, ", "你", "好 ", "three"]
