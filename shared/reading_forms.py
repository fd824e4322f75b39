"""What was read from a picture in other forms: rows and cells, pairs of key and value, Markdown, hOCR.

Geometry of the words' boxes; knows no pixels and no models. Plain text is `TextRead.text`, JSON with all boxes
`TextRead.model_dump_json()`.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from shared.text_jobs import TextLine, TextRead, TextWord

CELL_GAP = 1.5
"""Heights of a line that part one cell from the next; words of running text stand closer."""
KEYED = re.compile(r"(?P<key>[^:：]*[^\W\d_][^:：]*?)\s*[:：](?:\s+(?P<value>\S.*))?")
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Cell:
    """Words that stand close together in a line."""

    words: tuple[TextWord, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].box[0]

    @property
    def right(self) -> float:
        return self.words[-1].box[2]


@dataclass(frozen=True)
class Table:
    """Lines one below the other whose cells form columns."""

    first: int
    """Its first line: an index of the reading's lines."""
    rows: tuple[tuple[str, ...], ...]
    """All as long as each other; an empty cell is an empty string."""


def cells_of(line: TextLine) -> list[Cell]:
    """The cells of a line from left to right; running text is one."""
    if not line.words:
        return []
    apart = CELL_GAP * min(line.box[3] - line.box[1], *(word.box[3] - word.box[1] for word in line.words))
    found: list[list[TextWord]] = [[line.words[0]]]
    for before, word in pairwise(line.words):
        if word.box[0] - before.box[2] > apart:
            found.append([])
        found[-1].append(word)
    return [Cell(tuple(words)) for words in found]


def tables_of(read: TextRead) -> list[Table]:
    """All tables, from the top: two or more lines of two or more cells that stand below each other."""
    lines = [cells_of(line) for line in read.lines]
    found, first = [], 0
    while first < len(lines):
        last = first
        while last < len(lines) and len(lines[last]) > 1:
            last += 1
        if last - first > 1 and (rows := rows_of(lines[first:last])):
            found.append(Table(first, rows))
        first = last + 1 if last == first else last
    return found


def rows_of(lines: list[list[Cell]]) -> tuple[tuple[str, ...], ...] | None:
    """The cells in their columns; None where they do not form columns."""
    columns = columns_of([cell for line in lines for cell in line])
    rows = []
    for line in lines:
        row = [""] * len(columns)
        for cell in line:
            place = next(k for k, (left, right) in enumerate(columns) if left <= cell.left and cell.right <= right)
            row[place] = f"{row[place]} {cell.text}".strip()
        rows.append(tuple(row))
    filled = [sum(bool(row[place]) for row in rows) for place in range(len(columns))]
    return tuple(rows) if len(columns) > 1 and sum(count > 1 for count in filled) > 1 else None


def columns_of(cells: list[Cell]) -> list[tuple[float, float]]:
    """From where to where each column goes: cells that share some of their width are in one."""
    columns: list[tuple[float, float]] = []
    for cell in sorted(cells, key=lambda cell: cell.left):
        if columns and cell.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], cell.right))
        else:
            columns.append((cell.left, cell.right))
    return columns


def pairs_of(read: TextRead) -> list[tuple[str, str]]:
    """Keys and values of forms and receipts: `Key: value`, or two cells of which the first is words."""
    found = []
    for line in read.lines:
        cells = cells_of(line)
        keyed = KEYED.fullmatch(line.text)
        if keyed and keyed["value"]:
            found.append((keyed["key"], keyed["value"]))
        elif len(cells) == 2 and re.search(r"[^\W\d_]", cells[0].text):
            found.append((cells[0].text.rstrip(":： "), cells[1].text))
    return found


def as_markdown(read: TextRead) -> str:
    """The text with its tables as Markdown; a line stays a line."""
    at = {table.first: table for table in tables_of(read)}
    blocks: list[str] = []
    number = 0
    while number < len(read.lines):
        if table := at.get(number):
            blocks += ["", *table_lines(table), ""]
            number += len(table.rows)
        else:
            blocks.append(read.lines[number].text)
            number += 1
    return "\n".join(blocks).strip("\n")


def tables_as_markdown(read: TextRead) -> list[str]:
    """Each table alone."""
    return ["\n".join(table_lines(table)) for table in tables_of(read)]


def table_lines(table: Table) -> Iterator[str]:
    """A table in Markdown, its first row as the head."""
    for number, row in enumerate(table.rows):
        yield "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in row) + " |"
        if number == 0:
            yield "|" + " --- |" * len(row)


def as_hocr(read: TextRead) -> str:
    """The reading as hOCR 1.2: a page, its lines and words with boxes and confidences."""
    lines = "\n".join(hocr_line(line, number) for number, line in enumerate(read.lines, 1))
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title></title>
<meta name="ocr-system" content="{html.escape(read.engine)}">
<meta name="ocr-capabilities" content="ocr_page ocr_line ocrx_word">
</head><body>
<div class="ocr_page" id="page_1" title="bbox 0 0 {read.width} {read.height}">
{lines}
</div>
</body></html>
"""


def hocr_line(line: TextLine, number: int) -> str:
    words = " ".join(
        f'<span class="ocrx_word" id="word_1_{number}_{place}" title="{title(word.box, word.confidence)}">'
        f"{html.escape(word.text)}</span>"
        for place, word in enumerate(line.words, 1)
    )
    opened = f'<span class="ocr_line" id="line_1_{number}" title="{title(line.box, line.confidence)}">'
    return f"{opened}{words or html.escape(line.text)}</span>"


def title(box: Bounds, confidence: float) -> str:
    """hOCR's properties of a box: whole pixels, confidence in per cent."""
    left, top, right, bottom = (round(side) for side in box)
    return f"bbox {left} {top} {right} {bottom}; x_wconf {round(100 * confidence)}"
