"""Pages whose text a VLM cannot resolve, and questions about them: small print, and print that nobody can read.

The lines and questions are of the kinds that the embedded VLM was trained with, but fresh ones; the fonts are those of
the reading profile. Knows what stands on each page.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.phrasings.page_questions import question
from training.phrasings.pages import page
from training.reading.pages import FONTS, font

SEED = 771_207
MARGIN, LEADING, LEAST = 24, 2.2, 320
SMALL = (9, 10, 12, 14)
"""Heights of a capital in pixels: small print on a page, such as OCR reads."""


@dataclass(frozen=True)
class Asked:
    """One picture and what is asked about it."""

    kind: str
    png: bytes
    message: str
    lines: tuple[str, ...]
    """All that stands there."""
    wanted: tuple[str, ...] = ()
    """The lines that answer; none where nothing does."""


def questions(count: int, *, held_out: bool = False) -> Iterator[Asked]:
    """Small print with an answer in it; `held_out`: kinds of pages, labels and wordings that training never showed."""
    rng = Random(SEED + held_out)
    while count:
        shown = page(rng, held_out=held_out)
        asked = question(shown, rng, held_out=held_out)
        if asked.first:
            count -= 1
            lines = tuple(shown.lines)
            png = drawn(lines, rng.choice(SMALL), rng)
            yield Asked("small print", png, asked.message, lines, lines[asked.first - 1 : asked.last])


def hard_turns(count: int) -> Iterator[Asked]:
    """All kinds in turn: readable only by OCR, without an answer, and unreadable in several ways."""
    rng = Random(SEED + 2)
    kinds = tuple(SPOILT)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        shown = page(rng)
        asked = question(shown, rng)
        height, spoil = SPOILT[kind]
        lines = tuple(shown.lines)
        yield Asked(kind, spoil(drawn(lines, height, rng), rng), asked.message, lines)


def drawn(lines: tuple[str, ...], height: int, rng: Random) -> bytes:
    """A page of these lines with capitals of that height, dark on light."""
    sized = font(rng.choice(FONTS), max(height, 4))
    pitch = round(LEADING * max(height, 4))
    width = max(LEAST, round(max(map(sized.getlength, lines))) + 2 * MARGIN)
    image = Image.new("RGB", (width, max(LEAST, pitch * len(lines) + 2 * MARGIN)), (rng.randint(235, 255),) * 3)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines, 1):
        draw.text((MARGIN, MARGIN + number * pitch), line, font=sized, fill=(rng.randint(0, 40),) * 3, anchor="ls")
    if height < 4:  # no font goes so low
        image = image.resize([round(side * height / 4) for side in image.size], Image.Resampling.LANCZOS)
    return png_of(image)


def png_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def as_it_is(png: bytes, _: Random) -> bytes:
    return png


def blurred(png: bytes, rng: Random) -> bytes:
    return png_of(Image.open(io.BytesIO(png)).filter(ImageFilter.GaussianBlur(rng.uniform(2.5, 4))))


def in_noise(png: bytes, rng: Random) -> bytes:
    pixels = np.asarray(Image.open(io.BytesIO(png)), np.float32) / 255
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 0.5, pixels.shape)
    return png_of(Image.fromarray((np.clip(0.6 + 0.15 * pixels + noise, 0, 1) * 255).astype(np.uint8)))


Spoil = Callable[[bytes, Random], bytes]
SPOILT: dict[str, tuple[int, Spoil]] = {
    "small print": (9, as_it_is),
    "tiny print": (3, as_it_is),
    "two pixels": (2, as_it_is),
    "blurred": (9, blurred),
    "in noise": (9, in_noise),
    "no tool allowed": (9, as_it_is),
}
