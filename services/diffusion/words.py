"""Which words of a prompt a painter does not know. Knows the folder's list of words; knows no network."""

import re

MAX_UNKNOWN = 8
"""No more are named: a prompt that is all foreign needs no list."""
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class KnownWords:
    """The words a small painter was trained with, lower-case. A large one has no such list: it is taken to know all."""

    def __init__(self, words: frozenset[str] | None) -> None:
        self._words = words

    def unknown_in(self, prompt: str) -> tuple[str, ...]:
        """The words of `prompt` that the painter does not know, in order, each once, as they are written there."""
        if self._words is None:
            return ()
        found: dict[str, str] = {}
        for word in WORD.findall(prompt):
            if word.lower() not in self._words:
                found.setdefault(word.lower(), word)
        return tuple(found.values())[:MAX_UNKNOWN]
