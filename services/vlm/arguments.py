"""Applies the copy constraint to a whole tool call. Knows where free string arguments are; knows no model.

A token may write across quotes (`": " an`), so the call's JSON is followed by bytes, not by tokens.
"""

import numpy as np
from numpy.typing import NDArray

from services.vlm.copying import QUOTE, CopySource, CopyState, CopyVocabulary
from services.vlm.scanning import CallScanner


class ArgumentCopier:
    """The copy constraint of one answer. Follows its tool calls and narrows the grammar's choice of tokens."""

    def __init__(self, vocabulary: CopyVocabulary, message: str, prefix: str) -> None:
        self._vocabulary = vocabulary
        self._source = CopySource.of(message, prefix)
        self._inner = np.array([QUOTE in text[:-1] for text in vocabulary.texts], dtype=np.bool_)
        """Tokens that write something after a quote: they may enter a value, and write in it."""
        self._state: CopyState | None = None

    def restrict(self, allowed: NDArray[np.bool_], call: CallScanner) -> NDArray[np.bool_]:
        """Those of the `allowed` tokens that the constraint leaves; all of them where it would leave none.

        Args:
            allowed: the grammar's choice, shape (vocabulary,).
            call: where the tool call stands.
        """
        if not self._source.starts:
            return allowed
        left = allowed
        if call.free and self._state is not None:
            left = np.zeros_like(allowed)
            left[list(self._source.allowed_ids(self._vocabulary, self._state))] = True
            left &= allowed
        crossing = np.flatnonzero(left & self._inner)
        if len(crossing):
            refused = [token for token in crossing if not self._fits(self._vocabulary.texts[token], call.fork())]
            left = left.copy()
            left[refused] = False
        return left if left.any() else allowed

    def _fits(self, text: bytes, call: CallScanner) -> bool:
        """Whether each value that `text` writes in keeps to the constraint. Uses `call` up."""
        state = self._state
        for byte in text:
            inside = call.free
            if inside and state is not None and (state := self._source.step(state, byte)) is None:
                return False
            call.feed(byte)
            if call.free and not inside:
                state = self._source.begin()
        return True

    def follow(self, call: CallScanner, byte: int) -> None:
        """Feed one more byte of the call to `call`, and take note of it."""
        inside = call.free
        if inside and self._state is not None:
            self._state = self._source.step(self._state, byte)
        call.feed(byte)
        if call.free and not inside:
            self._state = self._source.begin()
