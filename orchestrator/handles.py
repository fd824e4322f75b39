"""Sets exact text into a streamed answer: `{{text_1}}` becomes what OCR read, untouched by any model.

Works on pieces as they come: what may still become a handle is held back, everything else goes out at once.
"""

import re
from collections.abc import Callable

from orchestrator.conversation import HANDLE

MAX_HELD = 40
Resolve = Callable[[re.Match[str]], str | None]


def fenced(text: str) -> str:
    """A Markdown code block that keeps every character and line of the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


class HandleFilter:
    """One per answer. A handle alone on its line becomes a block; one within a sentence becomes bare text."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._held = ""
        self._line = ""
        """What has gone out on the current line, as the model wrote it."""

    def feed(self, piece: str) -> str:
        """Returns what can be shown now."""
        self._held += piece
        out = ""
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

    def flush(self) -> str:
        """What was held back, when the answer has ended."""
        rest, self._held = self._held, ""
        match = HANDLE.search(rest)
        if match is None:
            return self._pass(rest)
        return self._pass(rest[: match.start()]) + self._replace(match, alone_after=True) + rest[match.end() :]

    def _safe_length(self) -> int:
        """How much of what is held cannot be part of a handle any more."""
        start = self._held.find("{{")
        if start < 0:
            return len(self._held) - (1 if self._held.endswith("{") else 0)
        complete = HANDLE.match(self._held, start)
        return start if complete or len(self._held) - start <= MAX_HELD else start + 2

    def _pass(self, text: str) -> str:
        self._line = (self._line + text).rpartition("\n")[2]
        return text

    def _replace(self, match: re.Match[str], *, alone_after: bool) -> str:
        text = self._resolve(match)
        if text is None:
            return self._pass(match[0])
        alone = alone_after and not self._line.strip()
        self._line += match[0]
        return fenced(text) if alone else text
