"""Checks the strings of a JSON answer against what was read in pictures, as it comes.

Nothing can be marked in JSON, and no footnote fits into it: a value that quotes a text with errors is set right, all
else goes out as it is. As a quote counts what has three words; in a turn in which numbers and codes are checked, also
what has a digit. Each value is held until it ends. Knows no schemas.
"""

import json
import re
from collections.abc import Iterator

from orchestrator.checking import MOST_HELD, SHORTEST
from orchestrator.handles import Piece
from orchestrator.quoting import ReadTexts

WITHIN = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)
"""Of a string, as far as it has come."""
BOUND = frozenset({"enum", "const", "pattern", "format", "minLength", "maxLength"})
"""Words of a schema that say what a string may be."""
LEAST_WORDS = 3


class JsonChecker:
    """One per answer."""

    def __init__(self, texts: ReadTexts, *, strict: bool) -> None:
        """`strict`: numbers and codes are checked, too."""
        self._texts, self._strict = texts, strict
        self._pending = ""
        self._inside = self._loose = self._key = False
        """Whether in a string; one that is not checked; one that is a name."""
        self._open: list[str] = []
        """Objects and arrays that have not ended."""

    def feed(self, piece: Piece) -> list[Piece]:
        """What can be shown now."""
        if piece.said != piece.text:  # exact text, within a string that needs no check any more
            self._loose = True
            return [*self._pieces(), piece]
        self._pending += piece.text
        return self._pieces()

    def flush(self) -> list[Piece]:
        """What was held, when the answer has ended."""
        rest, self._pending = self._pending, ""
        return [Piece(rest, rest)] if rest else []

    def _pieces(self) -> list[Piece]:
        text = "".join(self._ready())
        return [Piece(text, text)] if text else []

    def _ready(self) -> Iterator[str]:
        while self._pending:
            cut = self._string() if self._inside else self._between()
            if not cut:
                return
            yield cut

    def _between(self) -> str:
        """Up to the next string, its opening mark with it."""
        before, mark, self._pending = self._pending.partition('"')
        for character in before:
            if character in "{[":
                self._open.append(character)
            elif character in "}]" and self._open:
                self._open.pop()
            if character in "{,:":
                self._key = character != ":" and self._open[-1:] == ["{"]
        self._inside, self._loose = bool(mark), self._key
        return before + mark

    def _string(self) -> str:
        """The rest of the string, its closing mark with it; nothing while it must be held."""
        match = WITHIN.match(self._pending)
        assert match is not None  # noqa: S101 - it may be empty
        raw, ended = match.group(), match.end() < len(self._pending) and self._pending[match.end()] == '"'
        self._loose = self._loose or len(raw) > MOST_HELD
        if not ended and not self._loose:
            return ""
        self._pending = self._pending[match.end() + ended :]
        self._inside = not ended
        return (raw if self._loose else self._right(raw)) + '"' * ended

    def _right(self, raw: str) -> str:
        """A value as it stands in the picture, where it quotes what stands there."""
        try:
            value = json.loads(f'"{raw}"', strict=False)
        except ValueError:
            return raw
        quotes = len(value.split()) >= LEAST_WORDS or (self._strict and any(map(str.isdigit, value)))
        support = self._texts.find(value) if quotes and len(value) >= SHORTEST else None
        if support is None or not support.corrects:
            return raw
        return json.dumps(support.printed, ensure_ascii=False)[1:-1]


def binds_strings(schema: object) -> bool:
    """Whether a schema may refuse another string in a string's place."""
    if isinstance(schema, dict):
        return bool(BOUND & schema.keys()) or any(map(binds_strings, schema.values()))
    return isinstance(schema, list) and any(map(binds_strings, schema))
