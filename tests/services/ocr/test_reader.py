"""The reader as a whole, on the models that the wheel carries."""

import io
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from services.ocr.reader import Reader, ReadingProgress
from services.ocr.settings import OcrSettings
from shared.jobs import TextRead

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAGE = Image.open(FIXTURES / "page.png").convert("RGB")
PAGE_LINES = (FIXTURES / "page.txt").read_text(encoding="utf-8").splitlines()
PITCH = 21


def refuse(*_: object) -> None:
    raise AssertionError("the reader tried to open a connection")


@pytest.fixture(scope="module")
def reader() -> Reader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        return Reader.from_settings(OcrSettings())


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def read(reader: Reader, image: Image.Image) -> TextRead:
    *_, result = reader.read(png(image))
    assert isinstance(result, TextRead)
    return result


def test_a_dense_page_is_read_character_for_character(reader: Reader, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert PAGE.size == (1000, 1000)
    assert len(PAGE_LINES) == 45

    result = read(reader, PAGE)

    assert result.text == "\n".join(PAGE_LINES)
    assert (result.width, result.height) == (1000, 1000)
    assert min(line.confidence for line in result.lines) > 0.9
    tops = [line.box[1] for line in result.lines]
    assert tops == sorted(tops)
    for number, line in enumerate(result.lines):
        left, top, right, bottom = line.box
        assert 0 <= left < right <= 1000
        assert top < 27 + PITCH * number + 9 < bottom, "the box encloses the middle of its line"


def test_progress_counts_the_search_and_each_line(reader: Reader):
    strip = PAGE.crop((0, 27 + 3 * PITCH, 1000, 27 + 8 * PITCH))

    *progress, result = reader.read(png(strip))

    assert isinstance(result, TextRead)
    assert all(isinstance(event, ReadingProgress) for event in progress)
    assert [event.step for event in progress] == sorted(event.step for event in progress)
    assert {event.step for event in progress} == {1, 2, 3, 4, 5, 6}
    assert {event.total for event in progress} == {6}


def test_closing_the_reading_stops_it(reader: Reader, monkeypatch: pytest.MonkeyPatch):
    calls = []
    session = reader.models.recogniser.session
    monkeypatch.setattr(reader.models.recogniser, "session", lambda x: calls.append(1) or session(x))
    reading = reader.read(png(PAGE))
    while len(calls) < 2:
        next(reading)

    reading.close()

    assert len(calls) == 2
    assert next(reading, None) is None


def test_small_pictures_and_light_text_on_dark_are_read(reader: Reader):
    one = PAGE.crop((20, 27 + 6 * PITCH - 1, 400, 27 + 7 * PITCH - 1))
    inverted = Image.eval(one, lambda value: 255 - value)

    assert PAGE_LINES[6].startswith(read(reader, one).text[:40])
    assert read(reader, inverted).text[:40] == read(reader, one).text[:40] != ""


def test_text_of_a_picture_too_large_for_the_detector_is_read_at_full_size(reader: Reader):
    tall = Image.new("RGB", (1000, 2600), "white")
    head = PAGE.crop((0, 20, 1000, 28 + 3 * PITCH))
    tall.paste(head, (0, 100))
    tall.paste(head, (0, 2300))
    careful = Reader(reader.models, reader.settings.model_copy(update={"ocr_detect_pixels": 1_500_000}))

    result = read(careful, tall)

    assert result.text == "\n".join(PAGE_LINES[:3] * 2)
    assert (result.width, result.height) == (1000, 2600)


@pytest.mark.parametrize("size", [(300, 200), (8, 8), (2000, 100), (100, 1800)])
def test_a_picture_without_text_has_no_lines(reader: Reader, size: tuple[int, int]):
    dusk = Image.linear_gradient("L").resize(size)

    result = read(reader, Image.merge("RGB", (dusk, dusk, Image.new("L", size, 160))))

    assert result.lines == ()
    assert result.text == ""
    assert (result.width, result.height) == size


def test_two_threads_may_read_at_once(reader: Reader):
    strips = [PAGE.crop((0, 24 + k * PITCH, 1000, 28 + (k + 2) * PITCH)) for k in (0, 10, 20, 30)]
    with ThreadPoolExecutor(2) as pool:
        texts = list(pool.map(lambda strip: read(reader, strip).text, strips))
    assert texts == ["\n".join(PAGE_LINES[k : k + 2]) for k in (0, 10, 20, 30)]
