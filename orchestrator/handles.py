"""Sets exact text into a streamed answer: `{{text_1}}` becomes what OCR read, untouched by any model.

Works on pieces as they come: what may still become a handle is held back, everything else goes out at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.conversation import HANDLE
from shared.events import TextQuote

MAX_HELD = 40


def fenced(text: str) -> str:
    """A Markdown code block that keeps every character and line of the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


@dataclass(frozen=True)
class Exact:
    """What a handle stands for."""

    text: str
    quote: TextQuote | None = None
    """Where that stands in a picture; its place in the answer is not set."""
    unsure: str = ""
    """What people must know of it, in a sentence; empty: it can be relied on."""


Resolve = Callable[[re.Match[str]], Exact | None]


@dataclass(frozen=True)
class Piece:
    """A piece of an answer."""

    text: str
    """As it is shown."""
    said: str
    """As it joins the conversation: with a handle where exact text was set."""
    quotes: tuple[TextQuote, ...] = ()


class HandleFilter:
    """One per answer. A handle alone on its line becomes a block; one within a sentence becomes bare text."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._held = ""
        self._line = ""
        """What has gone out on the current line, as the model wrote it."""

    def feed(self, piece: str) -> list[Piece]:
        """Returns what can be shown now."""
        self._held += piece
        out: list[Piece] = []
        while match := HANDLE.search(self._held):
            if match.end() == len(self._held):
                break  # whether it ends its line is not known yet
            out += self._pass(self._held[: match.start()])
            out += self._replace(match, alone_after=self._held[match.end()] == "\n")
            self._held = self._held[match.end() :]
        safe = self._safe_length()
        out += self._pass(self._held[:safe])
        self._held = self._held[safe:]
        return out

    def flush(self) -> list[Piece]:
        """What was held back, when the answer has ended."""
        rest, self._held = self._held, ""
        match = HANDLE.search(rest)
        if match is None:
            return self._pass(rest)
        replaced = self._replace(match, alone_after=True)
        return [*self._pass(rest[: match.start()]), *replaced, *self._pass(rest[match.end() :])]

    def _safe_length(self) -> int:
        """How much of what is held cannot be part of a handle any more."""
        start = self._held.find("{{")
        if start < 0:
            return len(self._held) - (1 if self._held.endswith("{") else 0)
        complete = HANDLE.match(self._held, start)
        return start if complete or len(self._held) - start <= MAX_HELD else start + 2

    def _pass(self, text: str) -> list[Piece]:
        self._line = (self._line + text).rpartition("\n")[2]
        return [Piece(text, text)] if text else []

    def _replace(self, match: re.Match[str], *, alone_after: bool) -> list[Piece]:
        exact = self._resolve(match)
        if exact is None:
            return self._pass(match[0])
        alone = alone_after and not self._line.strip()
        self._line += match[0]
        shown = fenced(exact.text) if alone else exact.text
        if exact.unsure:
            shown += f"\n\n({exact.unsure})" if alone else f" ({exact.unsure})"
        if exact.quote is None:
            return [Piece(shown, match[0])]
        start = shown.index("\n") + 1 if alone else 0
        placed = exact.quote.model_copy(update={"start": start, "end": start + len(exact.text)})
        return [Piece(shown, match[0], (placed,))]
