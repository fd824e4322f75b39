"""Pictures that hold no text, none that can be read, or too much: an empty or partial result that says why."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from services.ocr.reader import Reader
from services.ocr.recognition import Reading
from services.ocr.telling import Piece, is_read, text_line
from services.typesetting.typesetter import compose
from shared.text_jobs import ComposeText
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


@pytest.mark.parametrize(("height", "unsure"), [(9, True), (10, False)])
def test_letters_of_three_pixels_are_never_relied_on(height: int, unsure: bool):
    quad = np.array([[0, 0], [60, 0], [60, height], [0, height]], np.float32)
    line = text_line([Piece(quad, Reading("PAID 12:20", 0.97))], np.zeros(2, np.float32))
    assert (line.unsure, line.text) == (unsure, "PAID 12:20")
    given = text_line([Piece(quad, Reading("PAID 12:20", 1.0), given=True)], np.zeros(2, np.float32))
    assert not given.unsure, "the page's own text says so"


@pytest.mark.parametrize(("text", "confidence", "read"), [("'", 0.8, False), ("I", 0.9, True), ("PAID", 0.8, True)])
def test_one_letter_for_a_long_line_is_no_reading(text: str, confidence: float, read: bool):
    quad = np.array([[0, 0], [180, 0], [180, 24], [0, 24]], np.float32)
    assert is_read(Piece(quad, Reading(text, confidence)), 0.7) is read


UNKNOWN = {
    "Arabic": "مرحبا بكم في المدينة القديمة\nالسعر مئة وعشرون دينارا\nشكرا لزيارتكم",
    "Thai": "ยินดีต้อนรับสู่ร้านของเรา\nราคาสินค้าวันนี้ลดลงครึ่งหนึ่ง\nขอบคุณค่ะ",
    "Hebrew": "ברוכים הבאים לעיר העתיקה\nהמחיר הוא מאה שקלים\nתודה רבה",
    "Devanagari": "आपका स्वागत है पुराने शहर में\nकीमत एक सौ बीस रुपये\nधन्यवाद",
    "Cyrillic": "Добро пожаловать в старый город\nЦена сто двадцать рублей\nСпасибо за покупку",
}


def written(text: str, size: int) -> Image.Image:
    work = ComposeText(source=f"{0:064}.png", text=text, font="sans", size=size, colour="#111111")
    return compose(work, Image.new("RGB", (700, 260), "white")).picture


@pytest.mark.parametrize("size", [18, 30])
@pytest.mark.parametrize("script", UNKNOWN)
def test_nothing_is_invented_for_a_script_that_is_not_known(reader: Reader, script: str, size: int):
    result = read(reader, written(UNKNOWN[script], size))
    assert result.lines == ()
    assert "of a script that is not known (Han, Latin, Katakana, Hiragana are)" in result.note


def test_a_script_that_is_known_in_part_is_told_to_be_so(reader: Reader):
    result = read(reader, written("Καλώς ήρθατε στην παλιά πόλη", 30))
    assert {line.script for line in result.lines} == {"Greek"}
    assert "Of Greek not all letters are known" in result.note


def test_a_photo_without_text_has_none(reader: Reader):
    dice = np.random.default_rng(3)
    hills = sum(np.sin(np.linspace(0, k, 640))[None] * dice.normal(0, 90 / k, (480, 1)) for k in range(1, 9))
    photo = grey(np.clip(128 + hills + dice.normal(0, 6, (480, 640)), 0, 255)).filter(ImageFilter.GaussianBlur(2))
    result = read(reader, photo)
    assert result.lines == ()
    assert result.note != ""


def test_noise_that_is_made_to_mislead_changes_few_characters_or_is_told(reader: Reader):
    dice = np.random.default_rng(11)
    pixels = np.asarray(strip(0, 6)).astype(int)
    spoilt = np.clip(pixels + 32 * dice.choice((-1, 1), pixels.shape), 0, 255)
    result = read(reader, Image.fromarray(spoilt.astype(np.uint8)))
    wrong = sum(line.text not in PAGE_LINES for line in result.lines)
    assert wrong <= 1 or "may be wrong" in result.note


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
