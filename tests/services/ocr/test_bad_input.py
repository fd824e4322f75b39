"""Pictures that hold no text, none that can be read, or too much: an empty or partial result that says why."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from services.ocr.reader import Reader
from tests.services.ocr.pages import PAGE, PAGE_LINES, png, read, strip


def grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def noise(kind: str) -> Image.Image:
    dice = np.random.default_rng(7)
    coarse = Image.fromarray((dice.random((60, 60, 3)) * 255).astype(np.uint8))
    return {
        "colours": lambda: Image.fromarray(dice.integers(0, 256, (600, 600, 3), dtype=np.uint8)),
        "black and white": lambda: grey((dice.random((600, 600)) > 0.5) * 255),
        "specks": lambda: grey((dice.random((600, 600)) > 0.01) * 255),
        "blots": lambda: coarse.resize((600, 600), Image.Resampling.BICUBIC),
        "stripes": lambda: grey(np.tile((np.arange(600) // 6) % 2 * 255, (600, 1))),
        "chequers": lambda: grey((np.indices((600, 600)) // 10).sum(axis=0) % 2 * 255),
    }[kind]()


@pytest.mark.parametrize("size", [(300, 200), (8, 8), (2000, 100), (100, 1800)])
def test_a_picture_without_text_has_no_lines(reader: Reader, size: tuple[int, int]):
    dusk = Image.linear_gradient("L").resize(size)

    result = read(reader, Image.merge("RGB", (dusk, dusk, Image.new("L", size, 160))))

    assert result.lines == ()
    assert result.text == ""
    assert "text" in result.note
    assert (result.width, result.height) == size


def test_a_blank_page_has_no_text_and_says_so(reader: Reader):
    result = read(reader, Image.new("RGB", (1000, 1400), "white"))
    assert (result.lines, result.complete, result.note) == ((), True, "No text was found in the picture.")


@pytest.mark.parametrize("kind", ["colours", "black and white", "specks", "blots", "stripes", "chequers"])
def test_noise_is_not_read_as_text(reader: Reader, kind: str):
    result = read(reader, noise(kind))
    assert result.lines == ()
    assert result.note != ""


@pytest.mark.parametrize("height", [1, 2])
def test_text_of_one_or_two_pixels_is_not_guessed_at(reader: Reader, height: int):
    side = 1000 * height // 15
    result = read(reader, PAGE.resize((side, side), Image.Resampling.BOX))
    assert result.lines == ()
    assert result.note != ""


def test_text_that_is_hardly_legible_is_given_with_the_warning_that_it_may_be_wrong(reader: Reader):
    result = read(reader, PAGE.resize((270, 270), Image.Resampling.LANCZOS))
    assert result.lines
    assert "may be wrong" in result.note
    assert min(line.confidence for line in result.lines) < 0.85


def test_the_smallest_print_is_told_to_be_often_misread(reader: Reader):
    result = read(reader, PAGE.resize((320, 320), Image.Resampling.LANCZOS))
    assert "lines are less than 9.5 pixels high" in result.note


def test_text_that_is_too_blurred_is_left_out_and_counted(reader: Reader):
    result = read(reader, PAGE.filter(ImageFilter.GaussianBlur(4)))
    assert len(result.lines) < 5
    assert "could not be read" in result.note


@pytest.mark.timeout(300)
def test_a_scan_of_twenty_thousand_pixels_is_read_small_print_and_all(reader: Reader):
    scan = Image.new("RGB", (20_000, 1000), "white")
    scan.paste(strip(0, 10), (300, 50))
    scan.paste(strip(20, 30), (18_900, 700))

    result = read(reader, scan)

    assert [line.text for line in result.lines] == PAGE_LINES[:10] + PAGE_LINES[20:30]
    assert all(line.box[0] >= 18_900 for line in result.lines[10:])


def test_where_time_is_up_the_rest_is_left_out_and_the_result_says_so(reader: Reader):
    hasty = Reader(reader.models, reader.settings.model_copy(update={"ocr_page_s": 1e-6}))
    *_, result = hasty.read(png(PAGE))
    assert [line.text for line in result.lines] == PAGE_LINES[:1], "what was read at first sight stays"
    assert not result.complete
    assert "44 lines were not read" in result.note
