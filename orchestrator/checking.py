"""Checks an answer against what was read in pictures, as it comes: quotes, numbers and codes.

What stands there nearly so is corrected; what does not is marked, in a turn in which it must; and what stands there is
said with its lines. From the first thing to be checked on, a sentence is held until it has ended; all else goes out at
once.
"""

import re

from orchestrator.claims import CLAIM, HELD, MARK, Claim, claims, sentence_end
from orchestrator.handles import Piece
from orchestrator.quoting import ReadTexts
from shared.events import TextQuote

NOT_READ = " (not in the text that was read)"
NOT_CHECKED = " (not checked: the text could not be read)"
UNSURE = " (hard to read, may be wrong)"
MOST_HELD = 2000
"""Characters after which what is held is checked as it is."""
SHORTEST = 4
"""Characters of a quote that is looked for where nothing must be marked: shorter ones stand everywhere."""
CONTEXT = 80
"""Characters before a claim that are looked at for what it is about."""
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Checker:
    """One per answer."""

    def __init__(self, texts: ReadTexts, *, strict: bool, known: str = "") -> None:
        """`strict`: what stands nowhere is marked, numbers and codes too, except what stands in `known`."""
        self._texts, self._strict, self._known = texts, strict, known
        self._pending = ""
        self._before = ""
        """The end of what has gone out."""

    def feed(self, piece: Piece) -> list[Piece]:
        """What can be shown now."""
        if piece.said != piece.text or piece.quotes:  # exact text, which is right
            return [*self.flush(), self._passed(piece)]
        self._pending += piece.text
        return self._ready()

    def flush(self) -> list[Piece]:
        """What was held, when the answer has ended."""
        rest, self._pending = self._pending, ""
        return [self._passed(self._checked(rest))] if rest else []

    def _ready(self) -> list[Piece]:
        out: list[Piece] = []
        while self._pending:
            start = self._held_from()
            if start:
                out.append(self._passed(self._plain(self._cut(start))))
                continue
            end = self._end()
            if end is None:
                break
            out.append(self._passed(self._checked(self._cut(end))))
        return out

    def _held_from(self) -> int:
        """How much of what is pending can hold nothing to be checked."""
        match = (HELD if self._strict else MARK).search(self._pending)
        return len(self._pending) if match is None else match.start()

    def _end(self) -> int | None:
        """Where that ends which must be checked together; None: it has not come."""
        text = self._pending
        fence = FENCE.match(text) if not self._before or self._before.endswith("\n") else None
        if fence is not None:
            closing = re.compile(rf"^ {{0,3}}{re.escape(fence[1])}[^\n]*\n", re.MULTILINE).search(text, fence.end())
            return closing.end() if closing else self._too_long()
        at = 0
        while (end := sentence_end(text, at)) is not None:
            if text[end - 1] == "\n" or not _is_open(text[:end]):
                return end
            at = end
        if not self._strict and (closed := CLAIM.match(text)) is not None and closed.end() < len(text):
            return closed.end()
        return self._too_long()

    def _too_long(self) -> int | None:
        return len(self._pending) if len(self._pending) > MOST_HELD else None

    def _cut(self, end: int) -> str:
        cut, self._pending = self._pending[:end], self._pending[end:]
        return cut

    @staticmethod
    def _plain(text: str) -> Piece:
        return Piece(text, text)

    def _passed(self, piece: Piece) -> Piece:
        self._before = (self._before + piece.text)[-CONTEXT:]
        return piece

    def _checked(self, text: str) -> Piece:
        whole, skipped = self._before + text, len(self._before)
        out, at, quotes = "", skipped, []
        for claim in claims(whole, skipped):
            if not self._is_checked(claim):
                continue
            out += whole[at : claim.start]
            shown, quote, mark = self._judged(whole[claim.start : claim.end])
            if quote is not None:
                quotes.append(quote.model_copy(update={"start": len(out), "end": len(out) + len(shown)}))
            out += shown + whole[claim.end : claim.after] + mark
            at = claim.after
        out += whole[at:]
        return Piece(out, out, tuple(quotes))

    def _is_checked(self, claim: Claim) -> bool:
        return self._strict or (claim.quoted and claim.end - claim.start >= SHORTEST)

    def _judged(self, said: str) -> tuple[str, TextQuote | None, str]:
        """What is shown of it, where it stands, and what is said behind it."""
        support = self._texts.find(said)
        if support is not None and support.quote.error_rate == 0:
            return said, support.quote, "" if support.sure or not self._strict else UNSURE
        if support is not None and support.corrects:
            return support.printed, support.quote.model_copy(update={"written": said}), ""
        if not self._strict or self._is_known(said):
            return said, None, ""
        return said, None, NOT_READ if self._texts else NOT_CHECKED

    def _is_known(self, said: str) -> bool:
        """Whether it comes from elsewhere: another tool's result, or a count of the lines that were read."""
        return said in self._texts.counts or re.search(rf"(?<!\w){re.escape(said)}(?!\w)", self._known) is not None


def _is_open(text: str) -> bool:
    """Whether a quote has begun that has not ended."""
    return text.count("“") > text.count("”") or text.count("«") > text.count("»") or text.count('"') % 2 == 1
