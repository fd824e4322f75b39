"""Follows the JSON of one tool call byte by byte. Knows the call's form; knows no tokens, no grammar.

The form is `{"name": …, "arguments": {…}}`; the JSON is trusted to be well formed, since a grammar wrote it.
"""

import json
from collections.abc import Mapping
from copy import copy
from typing import Self

QUOTE, BACKSLASH = ord('"'), ord("\\")
OPENING, CLOSING = frozenset(b"{["), frozenset(b"}]")


class CallScanner:
    """Where a tool call's JSON stands after the bytes fed so far.

    Attributes:
        done: the outermost object has closed.
        free: the next byte belongs to the value (or is the closing quote) of a free string argument.
    """

    def __init__(self, free_arguments: Mapping[str, frozenset[str]]) -> None:
        """`free_arguments`: the free string arguments of each tool, see `services.vlm.schema`."""
        self._free_arguments = free_arguments
        self._stack: tuple[int, ...] = ()
        self._keys: tuple[str, ...] = ()
        self._is_value = False
        self._in_string = False
        self._escaped = False
        self._string = b""
        self._name = ""
        self.done = False
        self.free = False

    def fork(self) -> Self:
        """An independent copy; all state is immutable, so a shallow one is enough."""
        return copy(self)

    def feed(self, byte: int) -> None:
        if self._in_string:
            self._feed_string(byte)
        elif byte == QUOTE:
            self._open_string()
        elif byte in OPENING:
            self._stack += (byte,)
            self._keys += ("",)
            self._is_value = byte == ord("[")
        elif byte in CLOSING:
            self._stack, self._keys = self._stack[:-1], self._keys[:-1]
            self.done = not self._stack
        elif byte == ord(":"):
            self._is_value = True
        elif byte == ord(","):
            self._is_value = self._stack[-1:] == (ord("["),)

    def _open_string(self) -> None:
        self._in_string, self._string = True, b""
        self.free = self._is_value and self._at_free_argument()

    def _feed_string(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif byte == BACKSLASH:
            self._escaped = True
        elif byte == QUOTE:
            self._close_string()
            return
        if not self._is_value or self._keys == ("name",):  # other values may be long and are not needed
            self._string += bytes((byte,))

    def _close_string(self) -> None:
        self._in_string = self.free = False
        if not self._is_value:
            self._keys = (*self._keys[:-1], json.loads(b'"' + self._string + b'"'))
        elif self._keys == ("name",):
            self._name = json.loads(b'"' + self._string + b'"')

    def _at_free_argument(self) -> bool:
        at_argument = len(self._keys) == 2 and self._keys[0] == "arguments" and self._stack[-1] == ord("{")
        return at_argument and self._keys[1] in self._free_arguments.get(self._name, frozenset())
