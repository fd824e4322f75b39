"""What a sentence says that stands in a picture: quotes, and numbers and codes. Knows no pictures and no answers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

QUOTES = (("“", "”"), ("„", "“"), ("«", "»"), ('"', '"'), ("`", "`"), ("‘", "’"), ("「", "」"))
CLOSING = frozenset("'").union(closing for _, closing in QUOTES)
_QUOTED = "|".join(rf"(?<!\w){opening}[^{closing}\n]+(?:{closing}|$)" for opening, closing in QUOTES)
"""One that is not closed goes to the end of its line."""
SINGLE = r"(?<![\w'])'[^'\n]+'(?!\w)"
BLOCK = r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<block>.*?)(?:^ {0,3}(?P=fence)[^\n]*$|\Z)"
QUOTED_LINE = r"^ {0,3}> ?(?P<line>[^\n]+)"
_CUE = (
    r"\b(?:says?|reads?|states?|spells?|written|labell?ed|titled|headed|"
    r"(?:text|words?|code|number|name|title)(?: is| are)?)"
)
SAID = rf"{_CUE}(?::\s*(?P<said>[^\s\"“„«`‘'*(\[{{][^\n\"“„«`]*)|\s+(?P<capitals>(?:[A-Z\d][^\s\"“„«`]*[ ]?)+))"
NUMBER = r"(?P<number>[^\W_][\w.,:/+%€$£#-]*|[€$£#]\d[\w.,:/+-]*)"
CLAIM = re.compile(f"{BLOCK}|{QUOTED_LINE}|(?P<quoted>{_QUOTED}|{SINGLE})|{SAID}|{NUMBER}", re.MULTILINE | re.DOTALL)
NO_CLAIM = re.compile(r"(?:image|text)_\d+(?::[\d-]+)?")
"""Handles, which are ours."""
POSITION = re.compile(
    r"\b(?:lines?|rows?|pages?|images?|pictures?|steps?|items?|options?) (?:\d+ (?:to|and|-) )?$", re.IGNORECASE
)
"""What stands before a number that only says where something is."""
ORDINAL = re.compile(r"\d{1,3}")
MARK = re.compile(r"[“„«\"`「]")
"""Where a quote may begin."""
HELD = re.compile(rf"{_CUE}\b|[“„«\"`‘「]|(?<![\w'])'|^ {{0,3}}[>~]|[^\s“„«\"`‘「(\[]*\d|\S+\Z", re.MULTILINE)
"""Where something may begin that is a claim, now or when more of the text has come."""
END = ".!?。！？…"


class Claim(NamedTuple):
    """`text[start:end]` is what is said to stand there, without the marks around it."""

    start: int
    end: int
    after: int
    """Where something may be said of it: behind the closing mark."""
    quoted: bool
    """Whether its words are said to be those of the text; else it is a number or a code."""


def claims(text: str, start: int = 0) -> Iterator[Claim]:
    """All that begin from `start` on, in order; what is within a quote is part of it."""
    for match in CLAIM.finditer(text, start):
        if match["number"] is not None:
            claim = _number(text, match)
            if claim is not None:
                yield claim
        elif match["block"] is not None:
            yield from _block(match)
        elif match["quoted"] is not None:
            closed = text[match.end() - 1] in CLOSING
            yield _trimmed(text, match.start() + 1, match.end() - closed, match.end())
        else:
            name = next(name for name in ("line", "said", "capitals") if match[name] is not None)
            end = _sentence_end(text, match.start(name), match.end(name))
            yield _trimmed(text, match.start(name), end, None)


def _number(text: str, match: "re.Match[str]") -> Claim | None:
    start, end = match.span("number")
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    word = text[start:end]
    if not any(character.isdigit() for character in word) or NO_CLAIM.fullmatch(word):
        return None
    line = text[:start].rpartition("\n")[2]
    in_a_list = not line.strip() and text[end : end + 2] in (". ", ") ")
    if ORDINAL.fullmatch(word) and (in_a_list or POSITION.search(line)):
        return None
    return Claim(start, end, end, quoted=False)


def _block(match: "re.Match[str]") -> Iterator[Claim]:
    at = match.start("block")
    for line in match["block"].splitlines(keepends=True):
        bare = line.rstrip("\n")
        if bare.strip():
            yield Claim(at, at + len(bare), at + len(bare), quoted=True)
        at += len(line)


def _trimmed(text: str, start: int, end: int, after: int | None) -> Claim:
    """A quote without the punctuation of the sentence around it; `after`: None where no mark closes it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and (text[end - 1].isspace() or text[end - 1] in ",;:" + END):
        end -= 1
    return Claim(start, end, end if after is None else after, quoted=True)


def _sentence_end(text: str, start: int, end: int) -> int:
    found = sentence_end(text, start)
    return end if found is None else min(found, end)


def sentence_end(text: str, start: int) -> int | None:
    """Where the sentence that goes on at `start` ends; None: not yet."""
    match = re.compile(rf"[{END}]+[)\]\"”’»]*(?=\s)|[。！？]|\n").search(text, start)
    return None if match is None else match.end()
