"""Pages of random text whose letters have a given height in pixels.

Knows fonts and pixels. Does not know who reads the pages. The fonts come with matplotlib, so that every machine draws
the same pages.
"""

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from random import Random

from PIL import Image, ImageDraw, ImageFont

SIDE = 512
"""Width and height of a page in pixels: no VLM of today scales it down much, except those with one small fixed size."""
MARGIN = 16
LINES = 4
SIDES = (64, 128, 256, SIDE, 1024, 2048, 4096)
"""Of the empty pages that tell by their tokens how a VLM scales."""
HEIGHTS = (4, 6, 7, 9, 10, 12, 14, 17, 20, 24, 29, 35, 41)
"""Heights in pixels of a capital letter, near which a digit's is. All the fonts have them when they are hinted."""
LEADING = 2.1
"""From one baseline to the next, in heights of a capital."""
FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
"""Drawn in turn. STIXGeneral, a Times, is kept for measuring: trainings draw with other fonts."""
# fmt: off
WORDS = (
    "anchor", "basket", "candle", "dragon", "engine", "falcon", "garden", "hammer", "island", "jacket", "kettle",
    "ladder", "magnet", "needle", "orchid", "pepper", "quarry", "ribbon", "saddle", "tunnel", "violet", "walnut",
    "yellow", "zipper", "bishop", "cobalt", "dolphin", "expert", "fright", "glove", "hoist", "ivory", "jungle",
    "knight", "lyric", "mixture", "novel", "oxygen", "plaque", "quiz", "rhythm", "sphinx", "thirty", "umpire",
    "vowel", "wharf", "oxide", "yacht", "zebra",
)
# fmt: on
CODE_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
"""No I and no O: in some fonts a person cannot tell them from 1, l and 0 either."""
SEED = 310_003


@dataclass(frozen=True)
class Page:
    """A picture of text, and the text."""

    png: bytes
    lines: tuple[str, ...]


@cache
def font(name: str, height: int) -> ImageFont.FreeTypeFont:
    """The font at the size at which a capital H is `height` pixels high. Raises ValueError where there is none."""
    rough = height / (capital_height(_sized(name, 1000)) / 1000)
    for step in range(40):  # hinting rounds: try sizes ever farther from the rough one
        sized = _sized(name, rough + (-1) ** step * step / 20)
        if capital_height(sized) == height:
            return sized
    raise ValueError(f"{name} has no size at which capitals are {height} px high")


def capital_height(sized: ImageFont.FreeTypeFont) -> int:
    """Rows of pixels of a capital H."""
    _, top, _, bottom = sized.getbbox("H", anchor="ls")
    return int(bottom - top)


@cache
def _sized(name: str, size: float) -> ImageFont.FreeTypeFont:
    with as_file(files("matplotlib") / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf") as path:
        return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def text_line(rng: Random) -> str:
    """Words, an amount, a code, a date or a time: what no knowledge of language can guess, among what it can."""
    word = rng.choice(WORDS)
    ways = (
        f"{word} {rng.choice(WORDS)}",
        f"{word} {rng.randint(1, 99)}.{rng.randint(0, 99):02d}",
        f"{_code(rng, 3)}-{_code(rng, 4)}",
        f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        f"{word.capitalize()} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}",
    )
    return rng.choice(ways)


def _code(rng: Random, length: int) -> str:
    return "".join(rng.choices(CODE_CHARACTERS, k=length))


def page_text(number: int) -> tuple[str, ...]:
    """The lines of page `number`: the same at every height, so that heights differ in nothing else."""
    rng = Random(SEED + number)
    found: list[str] = []
    while len(found) < LINES:
        line = text_line(rng)
        if all(font(name, HEIGHTS[-1]).getlength(line) <= SIDE - 2 * MARGIN for name in FONTS):
            found.append(line)
    return tuple(found)


def make_page(number: int, height: int) -> Page:
    """Page `number` with capitals `height` pixels high: dark on light, somewhere on the page, in one of the fonts."""
    rng, lines = Random(SEED + number), page_text(number)
    sized = font(FONTS[number % len(FONTS)], height)
    pitch = round(LEADING * height)
    widest, tallest = max(map(sized.getlength, lines)), pitch * len(lines)
    left = MARGIN + round(rng.random() * (SIDE - 2 * MARGIN - widest))
    baseline = MARGIN + height + round(rng.random() * (SIDE - 2 * MARGIN - tallest))
    image = Image.new("RGB", (SIDE, SIDE), (rng.randint(235, 255),) * 3)
    draw = ImageDraw.Draw(image)
    for line in lines:
        draw.text((left, baseline), line, font=sized, fill=(rng.randint(0, 40),) * 3, anchor="ls")
        baseline += pitch
    return Page(_png(image), lines)


def empty_page(side: int) -> bytes:
    """A PNG of nothing."""
    return _png(Image.new("RGB", (side, side), "white"))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
