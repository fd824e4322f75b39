"""The copy constraint: a string argument is a span of the user's words. Knows bytes; knows no model, no grammar.

Small models route well and copy badly; a span of the user's own words is right where free decoding is not.
The constraint works on the JSON text that tokens write, whatever the tokenizer: what follows the opening quote must
be `prefix`, then a contiguous non-empty span of the message that begins and ends at word boundaries, JSON-escaped,
then the closing quote. What a token writes after that quote is the grammar's affair.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from services.vlm.words import span_edges

QUOTE = ord('"')


class CopyVocabulary:
    """The tokens of a vocabulary, indexed by what they write. Build it once per model.

    Args:
        texts: the bytes of each token id. A control token's must not be valid UTF-8 (or be empty): it never matches.
    """

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = tuple(texts)
        self.ids: dict[bytes, list[int]] = defaultdict(list)
        self.closers: dict[bytes, list[int]] = defaultdict(list)
        """What stands before a quote in a token -> the tokens that go on so."""
        self.prefixes: set[bytes] = set()
        for token_id, text in enumerate(self.texts):
            if text:
                self.ids[text].append(token_id)
                self.prefixes.update(text[:end] for end in range(1, len(text) + 1))
            for position, byte in enumerate(text):
                if byte == QUOTE:
                    self.closers[text[:position]].append(token_id)


@dataclass(frozen=True)
class CopyState:
    """How much has been written of one argument's value, from its opening quote on."""

    prefix_done: int = 0
    """Bytes written of the prefix."""
    positions: frozenset[int] = frozenset()
    """Where in the escaped message the text written so far may end."""
    empty: bool = True
    """No byte of the span has been written yet."""
    closed: bool = False


@dataclass(frozen=True)
class CopySource:
    """A message as an argument may quote it.

    Attributes:
        text: the message as the inside of a JSON string, UTF-8.
        starts: byte positions in `text` where a span may begin.
        ends: byte positions in `text` after which a span may end.
        prefix: what stands before every span, as the inside of a JSON string.
    """

    text: bytes
    starts: frozenset[int]
    ends: frozenset[int]
    prefix: bytes = field(default=b"")

    @classmethod
    def of(cls, message: str, prefix: str) -> "CopySource":
        """A message's spans, see `words.span_edges`. What follows the last end is cut off: no span gets stuck there."""
        offsets = [0]
        for char in message:
            offsets.append(offsets[-1] + len(escaped(char)))
        starts, ends = span_edges(message)
        message = message[: max(ends, default=0)]
        return cls(
            text=escaped(message),
            starts=frozenset(offsets[at] for at in starts if at < len(message)),
            ends=frozenset(offsets[at] for at in ends),
            prefix=escaped(prefix),
        )

    def begin(self) -> CopyState:
        """The state just after an opening quote."""
        return CopyState(positions=self.starts)

    def step(self, state: CopyState, byte: int) -> CopyState | None:
        """The state after one more byte, None if that byte may not come."""
        if state.closed:
            return state
        if state.prefix_done < len(self.prefix):
            fits = byte == self.prefix[state.prefix_done]
            return replace(state, prefix_done=state.prefix_done + 1) if fits else None
        if byte == QUOTE and not state.empty and not self.ends.isdisjoint(state.positions):
            return replace(state, closed=True)
        positions = frozenset(p + 1 for p in state.positions if p < len(self.text) and self.text[p] == byte)
        return replace(state, positions=positions, empty=False) if positions else None

    def walk(self, state: CopyState, data: Iterable[int]) -> CopyState | None:
        """The state after several bytes; once the value is closed, further bytes change nothing."""
        current: CopyState | None = state
        for byte in data:
            if current is None:
                return None
            current = self.step(current, byte)
        return current

    def allowed_ids(self, vocabulary: CopyVocabulary, state: CopyState) -> set[int]:
        """The tokens that may come next in an open value."""
        found: set[int] = set()
        rest = self.prefix[state.prefix_done :]
        for position in state.positions:
            if not rest and not state.empty and position in self.ends:
                found.update(vocabulary.closers.get(b"", ()))
            self._collect(vocabulary, rest, position, found)
        return found

    def _collect(self, vocabulary: CopyVocabulary, rest: bytes, position: int, found: set[int]) -> None:
        piece, length = b"", 0
        while True:
            if length < len(rest):
                piece += rest[length : length + 1]
            elif (at := position + length - len(rest)) < len(self.text):
                piece += self.text[at : at + 1]
            else:
                return
            if piece not in vocabulary.prefixes:
                return
            length += 1
            found.update(vocabulary.ids.get(piece, ()))
            if length > len(rest) and position + length - len(rest) in self.ends:
                found.update(vocabulary.closers.get(piece, ()))


def escaped(text: str) -> bytes:
    """`text` as the inside of a JSON string, UTF-8, escaping only what JSON demands."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()
