"""Where words begin and end in a text. Knows Unicode's categories; knows no language, no tokens."""

import re
import unicodedata

ZERO_WIDTH_JOINER = "\u200d"
BETWEEN_LETTERS = "'’-"
BETWEEN_DIGITS = ".,:"
CLOSING_MARKS = ".,;:!?…。、，！？；："
"""They end sentences and clauses: a span may hold them, but neither begins nor ends with one."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana, Han: scripts written without spaces."""


def span_edges(text: str) -> tuple[list[int], list[int]]:
    """Positions in `text` where a span of words may begin, and those where one may end."""
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    starts = [at for at in cuts if at < len(text) and _may_edge(text[at])]
    ends = [at for at in cuts if at > 0 and _may_edge(text[at - 1])]
    return starts, ends


def is_boundary(text: str, position: int) -> bool:
    """Whether a word ends or begins between text[position - 1] and text[position].

    Letters, digits and marks hold together, an apostrophe or hyphen between letters too, and a point, comma or colon
    between digits. Unspaced scripts have a boundary everywhere but before a mark.
    """
    if position in (0, len(text)):
        return True
    before, after = text[position - 1], text[position]
    if unicodedata.category(after)[0] == "M" or ZERO_WIDTH_JOINER in (before, after):
        return False
    if _joins(text, position - 1) or _joins(text, position):
        return False
    return not (_holds(before) and _holds(after))


def _joins(text: str, at: int) -> bool:
    """Whether the mark at text[at] is part of the word around it."""
    if not 0 < at < len(text) - 1:
        return False
    before, mark, after = text[at - 1 : at + 2]
    if mark in BETWEEN_DIGITS:
        return before.isdigit() and after.isdigit()
    return mark in BETWEEN_LETTERS and _holds(before) and _holds(after)


def _holds(char: str) -> bool:
    return char == "_" or (unicodedata.category(char)[0] in "LNM" and not UNSPACED.match(char))


def _may_edge(char: str) -> bool:
    return not char.isspace() and char not in CLOSING_MARKS
