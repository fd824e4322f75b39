"""Words over pictures: what stands there is read back by OCR, and nothing else has changed."""

import io
from functools import partial

import numpy as np
import pytest
from PIL import Image

from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from services.typesetting.typesetter import Composed, compose
from shared.errors import InvalidRequest
from shared.text_jobs import LEGIBLE_CONTRAST, ComposeText, TextRead

Work = partial(ComposeText, source="0" * 64 + ".png")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.from_settings(OcrSettings())


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def motley(width: int = 512, height: int = 384, seed: int = 3) -> Image.Image:
    """A picture with all colours, bright and dark."""
    pixels = (np.random.default_rng(seed).random((6, 8, 3)) * 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def read_back(reader: Reader, composed: Composed) -> str:
    *_, read = reader.read(png(composed.picture), composed.lettering.box)
    assert isinstance(read, TextRead)
    return read.text


@pytest.mark.parametrize(
    "text",
    [
        "OPEN",
        "Happy Birthday, José!",
        "Gate 14B: 07:45",
        "50 % off",
        "φψλδ",
        "你好世界",
        "こんにちは",
        "Fuß in Köln",
    ],
)
@pytest.mark.parametrize("font", ["sans-bold", "serif"])
def test_words_over_a_motley_picture_are_read_back_exactly(reader: Reader, text: str, font: str):
    composed = compose(Work(text=text, font=font), motley())
    assert "".join(read_back(reader, composed).split()) == "".join(text.split())


def test_several_lines_stand_below_each_other_and_a_long_one_is_broken(reader: Reader):
    composed = compose(Work(text="FIRST LINE\nSECOND"), motley())
    assert (composed.lettering.lines, read_back(reader, composed)) == (2, "FIRST LINE\nSECOND")
    text = "The quick brown fox jumps over the lazy dog"
    broken = compose(Work(text=text, box=(100, 50, 300, 350)), motley())
    assert broken.lettering.lines > 2
    assert read_back(reader, broken).replace("\n", " ") == text


@pytest.mark.parametrize("degrees", [90, -90, 180, 20])
def test_turned_words_stand_in_their_box_and_are_read_back(reader: Reader, degrees: float):
    box = (60, 40, 460, 360)
    composed = compose(Work(text="SIDEWAYS", rotation=degrees, box=box), motley())
    left, top, right, bottom = composed.lettering.box
    assert left >= box[0] - 2
    assert top >= box[1] - 2
    assert right <= box[2] + 2
    assert bottom <= box[3] + 2
    assert read_back(reader, composed) == "SIDEWAYS"


def test_pixels_that_the_letters_do_not_take_stay_as_they_are_to_the_bit():
    source = motley()
    composed = compose(Work(text="OPEN", position="bottom"), source)
    changed = (pixels(composed.picture) != pixels(source)).any(axis=2)
    left, top, right, bottom = composed.lettering.box
    assert changed[top:bottom, left:right].any()
    changed[top:bottom, left:right] = False
    assert not changed.any()
    assert top > 384 / 2


@pytest.mark.parametrize(("ground", "wanted"), [("white", "#111111"), ("black", "#ffffff"), ("#ffcc00", "#111111")])
def test_the_colour_is_one_that_can_be_read_on_what_is_there(ground: str, wanted: str):
    composed = compose(Work(text="OPEN"), Image.new("RGB", (300, 200), ground))
    assert (composed.lettering.colour, composed.lettering.outline) == (wanted, None)
    assert composed.lettering.contrast >= LEGIBLE_CONTRAST


def test_a_wanted_colour_is_kept_and_gets_an_outline_where_it_cannot_be_read():
    grey = Image.new("RGB", (300, 200), (128, 128, 128))
    composed = compose(Work(text="OPEN", colour="#808088"), grey)
    assert composed.lettering.colour == "#808088"
    assert composed.lettering.outline == "#111111"
    assert (pixels(composed.picture) == (128, 128, 136)).all(axis=2).any()
    bare = compose(Work(text="OPEN", colour="#808088", outline=False), grey)
    assert bare.lettering.outline is None
    assert bare.lettering.contrast < 1.1


def test_the_size_is_kept_where_one_is_wanted_and_letters_are_as_large_as_fits_where_none_is():
    small = compose(Work(text="H", size=40), motley())
    large = compose(Work(text="H"), motley())
    assert small.lettering.size == 40
    assert large.lettering.size > 200
    assert 24 < small.lettering.box[3] - small.lettering.box[1] < 40  # a capital's height with its outline


@pytest.mark.parametrize(("align", "side"), [("left", 0), ("right", 2)])
def test_words_are_aligned_within_their_box(align: str, side: int):
    box = (50, 50, 450, 250)
    composed = compose(Work(text="I", size=30, align=align, box=box), motley())
    assert abs(composed.lettering.box[side] - box[side]) <= 2


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (Work(text="word " * 150, box=(0, 0, 40, 20)), "text_does_not_fit"),
        (Work(text="OPEN", size=400), "text_does_not_fit"),
        (Work(text="OPEN", box=(0, 0, 600, 20)), "invalid_box"),
        (Work(text="\U00013000"), "character_not_in_fonts"),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_sentence(work: ComposeText, code: str):
    with pytest.raises(InvalidRequest) as raised:
        compose(work, motley())
    assert raised.value.code == code
    assert raised.value.message.endswith(".")


def test_the_same_work_gives_the_same_pixels():
    work, source = Work(text="OPEN", rotation=7), motley()
    assert compose(work, source).picture.tobytes() == compose(work, source).picture.tobytes()
    assert source.tobytes() == motley().tobytes(), "the source itself stays as it is"


def test_a_plate_is_a_plain_ground_in_a_colour_that_the_letters_can_be_read_on(reader: Reader):
    noise = Image.fromarray((np.random.default_rng(1).random((128, 128, 3)) * 255).astype(np.uint8))
    composed = compose(Work(text="OPEN", plate=True), noise)
    lettering = composed.lettering
    assert {lettering.plate, lettering.colour} == {"#ffffff", "#111111"}
    assert lettering.outline is None
    assert lettering.contrast > 15
    left, top, right, _ = lettering.box
    edge = pixels(composed.picture)[top, left + 10 : right - 10]
    assert {"#{:02x}{:02x}{:02x}".format(*one) for one in edge} == {lettering.plate}
    assert read_back(reader, composed) == "OPEN"
    yellow = compose(Work(text="OPEN", plate=True, colour="#ffff00"), noise).lettering
    assert (yellow.colour, yellow.plate) == ("#ffff00", "#111111")


def test_a_plate_of_one_narrow_letter_is_no_upright_frame():
    left, top, right, bottom = compose(Work(text="l", plate=True, size=40), motley()).lettering.box
    assert right - left >= 1.4 * (bottom - top)
