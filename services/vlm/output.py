"""Cuts what the model writes into text and tool calls, byte by byte. Knows markers; knows no model, no HTTP.

Held back until it is known what they are: an unfinished UTF-8 character, what may become a marker, what may become a
stop string. Whitespace before an answer's first word is dropped: many tokenizers put a space there.
"""

import codecs
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.vlm.arguments import ArgumentCopier
from services.vlm.scanning import CallScanner


@dataclass(frozen=True)
class TextPiece:
    text: str


@dataclass(frozen=True)
class CallPiece:
    """A whole tool call. `arguments` is the JSON text of an object."""

    id: str
    name: str
    arguments: str


Piece = TextPiece | CallPiece


@dataclass(frozen=True)
class Markers:
    """The bytes around a tool call, as the vocabulary writes them."""

    begin: bytes
    end: bytes


def held_back(text: str, wanted: tuple[str, ...]) -> int:
    """How many characters at the end of `text` may be the beginning of one of the wanted strings."""
    longest = 0
    for whole in wanted:
        for length in range(min(len(whole) - 1, len(text)), longest, -1):
            if text.endswith(whole[:length]):
                longest = length
                break
    return longest


class TextStream:
    """Bytes of text in, characters out that may be shown."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = stops
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._held = ""
        self._at_start = True
        self.stopped = False

    def feed(self, data: bytes, final: bool = False) -> str:
        """The text that `data` lets out. After a stop string nothing comes any more."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(data, final)
        if self._at_start:
            self._held = self._held.lstrip()
            self._at_start = not self._held
        found = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            shown, self._held = self._held[: min(found)], ""
            return shown
        keep = 0 if final else held_back(self._held, self._stops)
        shown, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return shown

    def flush(self) -> str:
        """What was held back, where nothing more of this text comes. The next text begins anew."""
        shown = self.feed(b"", final=True)
        self._decoder.reset()
        self._at_start = True
        return shown


class OutputParser:
    """One answer. Without markers everything is text.

    Attributes:
        call: the tool call being written, None outside of calls.
    """

    def __init__(
        self,
        markers: Markers | None,
        free_arguments: Mapping[str, frozenset[str]],
        stops: tuple[str, ...],
        copier: ArgumentCopier | None = None,
        *,
        document: bool = False,
    ) -> None:
        """`free_arguments`: the free string arguments of each tool. `copier` follows the calls. `document`: the answer
        is either calls or one JSON document, whose strings may hold whatever looks like a marker.
        """
        self._markers = markers
        self._free_arguments = free_arguments
        self._follow = CallScanner.feed if copier is None else copier.follow
        self._text = TextStream(stops)
        self._document = document
        self._pending = b""
        self._json = b""
        self._awaiting_end = False
        self.call: CallScanner | None = None
        self.calls = 0

    @property
    def stopped(self) -> bool:
        """A stop string was written."""
        return self._text.stopped

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that one more token completes."""
        for byte in data:
            if self.call is not None:
                yield from self._feed_call(self.call, byte)
            else:
                self._pending += bytes((byte,))
                yield from self._feed_outside()
        if self.call is None and not self._awaiting_end:
            yield from self._release(keep=self._marker_part())

    def finish(self) -> Iterator[Piece]:
        """What was held back, now that the answer is over. An unfinished call is dropped."""
        if self.call is None and not self._awaiting_end:
            yield from self._release(keep=0)
            if text := self._text.flush():
                yield TextPiece(text)

    def _feed_outside(self) -> Iterator[Piece]:
        if self._markers is None:
            return
        if self._document and not self.calls and not self._markers.begin.startswith(self._pending):
            self._markers = None
            return
        if self._awaiting_end:
            if self._pending.endswith(self._markers.end):
                self._awaiting_end, self._pending = False, b""
        elif self._pending.endswith(self._markers.begin):
            yield from self._release(keep=len(self._markers.begin))
            if text := self._text.flush():
                yield TextPiece(text)
            self._pending, self._json = b"", b""
            self.call = CallScanner(self._free_arguments)

    def _feed_call(self, call: CallScanner, byte: int) -> Iterator[Piece]:
        self._follow(call, byte)
        self._json += bytes((byte,))
        if call.done:
            self.call, self._awaiting_end = None, True
            self.calls += 1
            yield call_piece(self._json.strip())

    def _release(self, keep: int) -> Iterator[Piece]:
        cut = len(self._pending) - keep
        data, self._pending = self._pending[:cut], self._pending[cut:]
        if text := self._text.feed(data):
            yield TextPiece(text)

    def _marker_part(self) -> int:
        """How many bytes at the end of what is pending may be the beginning of the begin marker."""
        begin = self._markers.begin if self._markers else b""
        for length in range(min(len(begin) - 1, len(self._pending)), 0, -1):
            if self._pending.endswith(begin[:length]):
                return length
        return 0


def call_piece(text: bytes) -> CallPiece:
    """A call from its JSON. The arguments keep the text that the model wrote: a round trip could change numbers."""
    name = json.loads(text)["name"]
    opening = f'{{"name": {json.dumps(name)}, "arguments": '
    arguments = text.decode()[len(opening) : -1]
    return CallPiece(id=f"call_{secrets.token_hex(12)}", name=name, arguments=arguments)
