"""The reader as a whole, on the models that the wheel carries."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageOps

from services.ocr import line_reading
from services.ocr import reader as reader_module
from services.ocr.reader import LineRead, Reader, ReadingProgress
from shared.text_jobs import TextRead
from tests.services.ocr.pages import PAGE, PAGE_LINES, PITCH, png, read, strip


@pytest.mark.usefixtures("offline")
def test_a_dense_page_is_read_character_for_character(reader: Reader):
    assert PAGE.size == (1000, 1000)
    assert len(PAGE_LINES) == 45

    result = read(reader, PAGE)

    assert result.text == "\n".join(PAGE_LINES)
    assert (result.width, result.height) == (1000, 1000)
    assert (result.turned, result.mirrored, result.complete, result.note) == (0, False, True, "")
    assert min(line.confidence for line in result.lines) > 0.9
    tops = [line.box[1] for line in result.lines]
    assert tops == sorted(tops)
    for number, line in enumerate(result.lines):
        left, top, right, bottom = line.box
        assert 0 <= left < right <= 1000
        assert top < 27 + PITCH * number + 9 < bottom, "the box encloses the middle of its line"


def test_the_boxes_of_words_enclose_their_ink(reader: Reader):
    line = read(reader, strip(0, 1)).lines[0]

    assert [word.text for word in line.words] == line.text.split()
    ink = ImageOps.invert(strip(0, 1).convert("L"))
    for word in line.words:
        left, _, right, _ = word.box
        middle = ink.crop((int(left), 0, int(right), ink.height)).getbbox()
        assert middle is not None
    gaps = [after.box[0] - before.box[2] for before, after in zip(line.words, line.words[1:], strict=False)]
    assert min(gaps) > -3
    assert line.words[0].box[0] == pytest.approx(25, abs=5)


def test_lines_come_one_by_one_each_with_its_number(reader: Reader):
    *happenings, result = reader.read(png(strip(3, 8)))

    assert isinstance(result, TextRead)
    told = [event for event in happenings if isinstance(event, LineRead)]
    assert tuple(event.line for event in told) == result.lines
    assert [event.number for event in told] == [1, 2, 3, 4, 5]
    steps = [event for event in happenings if isinstance(event, ReadingProgress)]
    assert [event.step for event in steps] == [2, 3, 4, 5, 6], "the search and the first line are done together"
    assert {event.total for event in steps} == {6}


def test_the_first_line_comes_before_the_page_has_been_searched_and_only_once(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
):
    searched = []
    original = reader_module.find_boxes
    monkeypatch.setattr(reader_module, "find_boxes", lambda *given: searched.append(1) or original(*given))
    reading = reader.read(png(PAGE))

    first = next(reading)
    assert isinstance(first, LineRead)
    assert (first.number, first.line.text, searched) == (1, PAGE_LINES[0], [])
    *_, result = reading
    assert result.lines[0] == first.line
    assert result.text == "\n".join(PAGE_LINES)


@pytest.mark.parametrize("spoil", [ImageOps.mirror, ImageOps.flip, lambda page: page.rotate(90, expand=True)])
def test_no_line_comes_early_from_a_page_that_does_not_lie_upright(reader: Reader, spoil: Callable[..., Image.Image]):
    reading = reader.read(png(spoil(PAGE)))
    assert isinstance(next(reading), ReadingProgress)
    reading.close()


def test_closing_the_reading_stops_it(reader: Reader, monkeypatch: pytest.MonkeyPatch):
    begun = []
    original = line_reading.read_line
    monkeypatch.setattr(line_reading, "read_line", lambda *given: begun.append(1) or original(*given))
    reading = reader.read(png(PAGE))
    while len(begun) < 2:
        next(reading)

    reading.close()
    reader.line_reader._pool.submit(int).result()  # what was begun has ended

    assert len(begun) < len(PAGE_LINES) / 2
    assert next(reading, None) is None


def test_small_pictures_and_light_text_on_dark_are_read(reader: Reader):
    one = PAGE.crop((20, 27 + 6 * PITCH - 1, 400, 27 + 7 * PITCH - 1))
    inverted = Image.eval(one, lambda value: 255 - value)

    assert PAGE_LINES[6].startswith(read(reader, one).text[:40])
    assert read(reader, inverted).text[:40] == read(reader, one).text[:40] != ""


def test_only_a_region_is_read_with_boxes_of_the_whole_picture(reader: Reader):
    region = (0, 24 + 10 * PITCH, 1000, 28 + 12 * PITCH)

    result = read(reader, PAGE, region)

    assert result.text == "\n".join(PAGE_LINES[10:12])
    assert (result.width, result.height) == PAGE.size
    for line in result.lines:
        assert region[1] <= line.box[1] < line.box[3] <= region[3]
        assert all(region[1] <= word.box[1] < word.box[3] <= region[3] for word in line.words)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_on_its_side_or_its_head_is_read_with_boxes_where_the_text_is(reader: Reader, turned: int):
    upright = strip(0, 6)
    result = read(reader, upright.rotate(turned, expand=True))  # anticlockwise, so it must be turned back clockwise

    assert result.text == "\n".join(PAGE_LINES[:6])
    assert result.turned == turned
    left, top, right, bottom = result.lines[0].box
    across = right - left > bottom - top
    assert across == (turned == 180)
    if turned == 180:
        assert top > upright.height / 2, "the first line is at the foot of the picture"


def test_a_mirrored_page_is_read_and_said_to_be_so(reader: Reader):
    result = read(reader, ImageOps.mirror(strip(0, 6)))
    assert result.text == "\n".join(PAGE_LINES[:6])
    assert result.mirrored


@pytest.mark.parametrize("degrees", [-7, 3, 12])
def test_a_slanted_page_is_read_in_order(reader: Reader, degrees: int):
    slanted = PAGE.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")

    result = read(reader, slanted)

    assert len(result.lines) == len(PAGE_LINES)
    right = sum(line.text == wanted for line, wanted in zip(result.lines, PAGE_LINES, strict=True))
    assert right >= len(PAGE_LINES) - 3
    assert result.turned == 0


def test_two_threads_may_read_at_once(reader: Reader):
    strips = [strip(k, k + 2) for k in (0, 10, 20, 30)]
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(lambda picture: read(reader, picture).text, strips))
    assert texts == ["\n".join(PAGE_LINES[k : k + 2]) for k in (0, 10, 20, 30)]
