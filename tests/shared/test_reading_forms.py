"""Other forms of a reading, on boxes alone; tests/services/ocr holds them against real pages."""

import re
from xml.etree import ElementTree

from shared.reading_forms import as_hocr, as_markdown, pairs_of, tables_as_markdown, tables_of
from shared.text_jobs import TextLine, TextRead, TextWord


def line(top: float, *cells: tuple[float, str]) -> TextLine:
    """Cells begin where they are told; a letter is 10 pixels wide, a line 20 high."""
    words = []
    for begin, text in cells:
        left = begin
        for word in text.split():
            right = left + 10 * len(word)
            words.append(TextWord(text=word, box=(left, top, right, top + 20), confidence=0.9))
            left = right + 8
    box = (words[0].box[0], top, words[-1].box[2], top + 20)
    return TextLine(text=" ".join(word.text for word in words), box=box, confidence=0.95, words=tuple(words))


def reading(*lines: TextLine) -> TextRead:
    return TextRead(lines=lines, width=800, height=600, engine="by <hand>", seconds=0)


ORDER = reading(
    line(0, (10, "Our order of today")),
    line(40, (10, "Item"), (300, "Pieces"), (500, "Price")),
    line(80, (10, "Flow meter"), (330, "12"), (480, "1,204.00")),
    line(120, (10, "Seal | ring"), (480, "0.40")),
    line(160, (10, "Thank you")),
)


def test_cells_that_stand_below_each_other_are_a_table_with_empty_cells_where_there_is_none():
    (table,) = tables_of(ORDER)
    assert table.first == 1
    assert table.rows == (("Item", "Pieces", "Price"), ("Flow meter", "12", "1,204.00"), ("Seal | ring", "", "0.40"))


def test_running_text_is_no_table():
    assert tables_of(reading(line(0, (10, "one two three")), line(30, (10, "four five six seven")))) == []
    assert tables_of(reading(line(0, (10, "left"), (300, "right")))) == []


def test_markdown_keeps_lines_and_sets_tables_whose_bars_cannot_break_them():
    assert as_markdown(ORDER) == (
        "Our order of today\n\n"
        "| Item | Pieces | Price |\n| --- | --- | --- |\n"
        "| Flow meter | 12 | 1,204.00 |\n| Seal \\| ring |  | 0.40 |\n\n"
        "Thank you"
    )
    (table,) = tables_as_markdown(ORDER)
    assert table in as_markdown(ORDER)
    assert table.startswith("| Item |")


def test_pairs_are_told_by_a_colon_or_by_a_gap_and_times_are_none():
    form = reading(
        line(0, (10, "Invoice no.: 2026-11-0058")),
        line(30, (10, "Total"), (400, "86.40")),
        line(60, (10, "12:45 12:50")),
        line(90, (10, "Name:"), (300, "Ada Byron")),
        line(120, (10, "Just a sentence")),
    )
    assert pairs_of(form) == [("Invoice no.", "2026-11-0058"), ("Total", "86.40"), ("Name", "Ada Byron")]


def test_hocr_is_well_formed_and_holds_every_word_with_its_box():
    tricky = reading(line(10, (5, 'a<b & "c"')))
    body = as_hocr(tricky)
    page = ElementTree.fromstring(re.sub(r"<!DOCTYPE html>|<meta[^>]*>", "", body))  # noqa: S314 - our own text
    words = [span for span in page.iter("span") if span.get("class") == "ocrx_word"]
    assert [word.text for word in words] == ["a<b", "&", '"c"']
    assert words[0].get("title") == "bbox 5 10 35 30; x_wconf 90"
    assert "by &lt;hand&gt;" in body


def test_a_reading_without_words_has_no_tables_and_keeps_its_text():
    bare = ORDER.without_words()
    assert (tables_of(bare), pairs_of(bare)) == ([], [])
    assert as_markdown(bare) == bare.text
    assert "Flow meter" in as_hocr(bare)
