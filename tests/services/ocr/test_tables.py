"""Tables and forms of real pages, from pixels to rows and pairs. The font is matplotlib's DejaVu."""

from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from services.ocr.reader import Reader
from shared.reading_forms import as_markdown, pairs_of, tables_of
from tests.services.ocr.pages import read

FONT = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 18)
ROWS = [
    ("Item", "Pieces", "Price"),
    ("Flow meter", "12", "1,204.00"),
    ("Pressure gauge", "3", "86.40"),
    ("Seal", "250", "0.35"),
]


def page(rows: list[tuple[str, ...]], places: tuple[int, ...]) -> Image.Image:
    picture = Image.new("RGB", (800, 40 + 36 * len(rows)), "white")
    draw = ImageDraw.Draw(picture)
    for number, row in enumerate(rows):
        for left, text in zip(places, row, strict=False):
            draw.text((left, 20 + 36 * number), text, font=FONT, fill=(20, 20, 20))
    return picture


def test_a_table_is_read_as_rows_and_cells(reader: Reader):
    result = read(reader, page(ROWS, (30, 330, 560)))
    (table,) = tables_of(result)
    assert table.rows == tuple(ROWS)
    assert as_markdown(result).splitlines()[2] == "| Flow meter | 12 | 1,204.00 |"


def test_a_form_is_read_as_pairs(reader: Reader):
    form = [("Invoice no.: 2026-0058",), ("Total", "86.40"), ("Name:", "Ada Byron")]
    pairs = pairs_of(read(reader, page(form, (30, 500))))
    assert pairs == [("Invoice no.", "2026-0058"), ("Total", "86.40"), ("Name", "Ada Byron")]
