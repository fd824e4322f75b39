"""Pages with known text, of classes that are hard in different ways. Knows fonts and pixels, not who reads them.

Fonts are those of the machine and of matplotlib; a page is the same wherever its fonts are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random

from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from training.reading.pages import CODE_CHARACTERS, WORDS

PLACES = (Path("/usr/share/fonts/truetype"), Path(str(files("matplotlib") / "mpl-data/fonts/ttf")))
FAMILIES = (
    "DejaVuSans", "DejaVuSerif", "Liberation", "Lato-", "NotoSans-", "NotoSerif-", "NotoMono-", "NotoSansDisplay-",
    "Free", "Arimo-", "Tinos-", "Cousine-", "Carlito-", "STIXGeneral", "Roboto",
)  # fmt: skip
LEFT_OUT = ("Hairline", "Thin", "Symbol", "Math")
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Page:
    kind: str
    picture: Image.Image
    text: str
    """Its lines in the order in which a person reads them; cells of a row are parted by a space."""
    font: str
    size: int


@dataclass
class Sheet:
    """A page while it is drawn."""

    dice: Random
    font: str
    size: int
    width: int
    ink: Colour = (20, 20, 20)
    paper: Colour = (255, 255, 255)

    def __post_init__(self) -> None:
        self.type = sized(self.font, self.size)
        self.rows: list[list[tuple[int, str]]] = []
        self.columns: list[tuple[int, str]] = []

    @property
    def pitch(self) -> int:
        return round(self.size * 1.5) + 2

    def fits(self, text: str, width: int) -> bool:
        return self.type.getlength(text) <= width

    def line(self, width: int) -> str:
        """Random words, numbers and codes, about as wide as told."""
        found = phrase(self.dice)
        while self.fits(longer := f"{found} {token(self.dice)}", width):
            found = longer
        return found

    def drawn(self) -> Image.Image:
        margin = self.size
        height = 2 * margin + self.pitch * len(self.rows)
        picture = Image.new("RGB", (self.width, height), self.paper)
        draw = ImageDraw.Draw(picture)
        for number, row in enumerate(self.rows):
            for left, text in row:
                draw.text((left, margin + number * self.pitch), text, font=self.type, fill=self.ink)
        return picture

    def text(self) -> str:
        return "\n".join(" ".join(text for _, text in row) for row in self.rows)


@cache
def fonts() -> dict[str, Path]:
    """Fonts by name that have the letters needed here."""
    found = {}
    for place in PLACES:
        for path in sorted(place.rglob("*.ttf")):
            name = path.stem
            wanted = name.startswith(FAMILIES) and not any(part in name for part in LEFT_OUT)
            if wanted and name not in found and has_latin(path):
                found[name] = path
    return found


def has_latin(path: Path) -> bool:
    with TTFont(path, lazy=True) as font:
        known = font.getBestCmap()
    return all(ord(character) in known for character in CODE_CHARACTERS + CODE_CHARACTERS.lower() + "IO.,:%$/-()@")


@cache
def sized(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(fonts()[name], size)


def token(dice: Random) -> str:
    kinds: list[Callable[[], str]] = [
        lambda: dice.choice(WORDS),
        lambda: dice.choice(WORDS),
        lambda: dice.choice(WORDS),
        lambda: dice.choice(WORDS).capitalize(),
        lambda: dice.choice(WORDS) + dice.choice(",.;"),
        lambda: f"{dice.randint(1, 9999)}",
        lambda: f"{dice.randint(1, 9999):,}.{dice.randint(0, 99):02}",
        lambda: f"{dice.randint(1, 28)}/{dice.randint(1, 12)}/{dice.randint(1990, 2029)}",
        lambda: "".join(dice.choices(CODE_CHARACTERS, k=3)) + f"-{dice.randint(100, 99_999)}",
        lambda: f"({dice.choice(WORDS)})",
        lambda: f"{dice.choice(WORDS)}@{dice.choice(WORDS)}.example",
    ]
    return dice.choice(kinds)()


def phrase(dice: Random) -> str:
    return f"{dice.choice(WORDS).capitalize()} {token(dice)}"


def price(dice: Random) -> str:
    return f"{dice.randint(0, 2999):,}.{dice.randint(0, 99):02}"


def running(sheet: Sheet, lines: int) -> None:
    sheet.rows = [[(sheet.size, sheet.line(sheet.width - 2 * sheet.size))] for _ in range(lines)]


def plain(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    sheet = Sheet(dice, font, size, max(260, size * 36))
    running(sheet, dice.randint(8, 14))
    return sheet.drawn(), sheet.text()


def columns(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    """Two columns of running text under a title."""
    wide, gutter, lines = size * 20, size * 3, dice.randint(8, 12)
    sheet = Sheet(dice, font, size, 2 * wide + gutter + 2 * size)
    left = [sheet.line(wide) for _ in range(lines)]
    right = [sheet.line(wide) for _ in range(lines)]
    title = phrase(dice)
    places = (size, size + wide + gutter)
    sheet.rows = [
        [(places[0], title)],
        [],
        *([(places[0], a), (places[1], b)] for a, b in zip(left, right, strict=True)),
    ]
    return sheet.drawn(), "\n".join([title, *left, *right])


def table(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    """Rows of a name, a code, a number and a price, half of the tables with ruled lines."""
    places = [size, size * 13, size * 23, size * 30]
    sheet = Sheet(dice, font, size, size * 38)
    head = ["Item", "Code", "Pieces", "Price"]
    rows = [head]
    for _ in range(dice.randint(7, 12)):
        code = "".join(dice.choices(CODE_CHARACTERS, k=2)) + str(dice.randint(1000, 99_999))
        rows.append([f"{dice.choice(WORDS)} {dice.choice(WORDS)}", code, str(dice.randint(10, 999)), price(dice)])
    sheet.rows = [list(zip(places, row, strict=True)) for row in rows]
    picture = sheet.drawn()
    if dice.random() < 0.5:
        draw = ImageDraw.Draw(picture)
        for number in range(len(rows) + 1):
            y = size + number * sheet.pitch - round(sheet.pitch * 0.15)
            draw.line((size // 2, y, sheet.width - size // 2, y), fill=(150, 150, 150))
    return picture, sheet.text()


def receipt(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    """Narrow, goods at the left, prices at the right, on paper that is not quite white."""
    sheet = Sheet(dice, font, size, size * 24, ink=(40, 40, 48), paper=(244, 242, 235))

    def row(name: str, value: str) -> list[tuple[int, str]]:
        return [(size, name), (round(sheet.width - size - sheet.type.getlength(value)), value)]

    sheet.rows = [
        [(size, phrase(dice))],
        [(size, f"{dice.randint(1, 28)}/{dice.randint(1, 12)}/2026 {dice.randint(10, 19)}:45")],
    ]
    sheet.rows += [
        row(f"{dice.randint(1, 9)} {dice.choice(WORDS)} {dice.choice(WORDS)}", price(dice)) for _ in range(8)
    ]
    sheet.rows += [row("TOTAL", price(dice)), row("CARD", price(dice))]
    return sheet.drawn(), sheet.text()


def low_contrast(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    """Ink 30 to 60 grey levels from the paper, lighter or darker."""
    base, apart = dice.randint(70, 190), dice.choice((-1, 1)) * dice.randint(30, 60)
    tint = dice.randint(-12, 12)
    sheet = Sheet(
        dice, font, size, size * 36,
        ink=(base + apart + tint, base + apart, base + apart - tint), paper=(base + tint, base, base - tint),
    )  # fmt: skip
    running(sheet, dice.randint(8, 12))
    return sheet.drawn(), sheet.text()


def skew(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    """A page that lies 1 to 8 degrees askew."""
    picture, text = plain(dice, font, size)
    degrees = dice.choice((-1, 1)) * dice.uniform(1, 8)
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)), text


def dark(dice: Random, font: str, size: int) -> tuple[Image.Image, str]:
    sheet = Sheet(dice, font, size, size * 36, ink=(225, 228, 235), paper=(24, 26, 33))
    running(sheet, dice.randint(8, 12))
    return sheet.drawn(), sheet.text()


KINDS: dict[str, tuple[Callable[[Random, str, int], tuple[Image.Image, str]], tuple[int, int]]] = {
    "plain, 14-24 px": (plain, (14, 24)),
    "small, 6-10 px": (plain, (6, 10)),
    "large, 28-40 px": (plain, (28, 40)),
    "columns": (columns, (12, 20)),
    "tables": (table, (12, 22)),
    "receipts": (receipt, (12, 24)),
    "low contrast": (low_contrast, (12, 24)),
    "skew": (skew, (14, 24)),
    "light on dark": (dark, (12, 24)),
}
"""Each class: how its pages are made, and of which sizes of type, in pixels."""


def pages(count: int, seed: int = 20_261_126) -> list[Page]:
    """`count` pages of each class, fonts and sizes in turn."""
    found = []
    names = sorted(fonts())
    for kind, (make, (least, most)) in KINDS.items():
        dice = Random(f"{seed} {kind}")
        order = dice.sample(names, len(names))
        for number in range(count):
            name, size = order[number % len(order)], least + number % (most - least + 1)
            picture, text = make(dice, name, size)
            found.append(Page(kind, picture, text, name, size))
    return found
