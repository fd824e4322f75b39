"""The grammar of an answer: text, free or a JSON document, then tool calls that always parse. Knows llguidance; knows
no model.

A call is the begin marker, `{"name": "…", "arguments": {…}}` written as json.dumps writes it, and the end marker.
One space or newline is tolerated around the JSON: tokenizers and chat templates put one there.
"""

import json
import logging
import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from llguidance import LLMatcher
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from numpy.typing import NDArray

from services.vlm import schema
from services.vlm.folder import FolderRefused, ToolCallMarkers
from services.vlm.request import ChatRequest, NamedToolChoice, ToolSpec
from services.vlm.vocabulary import Vocabulary
from shared.errors import DiptychError, InvalidRequest

log = logging.getLogger("diptych.vlm")

# Without forcing, every way of cutting the text into tokens is allowed, and the model keeps the one it was trained
# with. With it, llguidance insists on its own cut, which a tokenizer that adds a space before words gets wrong.
HEADER = '%llguidance {"no_forcing": true}\n'
JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
CALL_STYLE = {**JSON_STYLE, "lenient": True}
"""Keywords that no grammar can keep are left out: whoever runs the call checks its arguments. A document is strict."""
ANY_TEXT = r"/(.|\n)*/"


class Grammar:
    """The state of one answer under its grammar."""

    def __init__(self, matcher: LLMatcher, vocabulary: Vocabulary) -> None:
        self._matcher = matcher
        self._size = len(vocabulary.texts)
        self._bits = allocate_token_bitmask(1, self._size)

    def allowed(self) -> NDArray[np.bool_]:
        """Which tokens may come next, shape (vocabulary,)."""
        fill_next_token_bitmask(self._matcher, self._bits)
        self._check()
        return np.unpackbits(self._bits.view(np.uint8)[0], count=self._size, bitorder="little").view(np.bool_)

    def advance(self, token_id: int) -> None:
        self._matcher.consume_token(token_id)
        self._check()

    @property
    def complete(self) -> bool:
        """Nothing can follow but the end of the answer."""
        return self._matcher.is_stopped()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise DiptychError("The answer's grammar became too complex. Use simpler tool schemas.")


class GrammarMaker:
    """Makes the grammar of each request for one model."""

    def __init__(self, vocabulary: Vocabulary, markers: ToolCallMarkers, max_calls: int) -> None:
        """Raises FolderRefused for a begin marker that is partly a control token and does not begin with it."""
        self._vocabulary = vocabulary
        self._markers = markers
        self._max_calls = max_calls
        pieces = vocabulary.split(markers.begin)
        self._begins_with_control = pieces[0][1]
        if not self._begins_with_control and any(special for _, special in pieces):
            raise FolderRefused(f"The tool-call marker {markers.begin!r} must begin with its control token.")
        self._compile = lru_cache(maxsize=32)(self._compile_lark)

    def make(self, request: ChatRequest) -> Grammar:
        """The grammar that a request's tools, tool choice and response format ask for.

        Raises:
            InvalidRequest: a tool's schema, or the response format's, cannot be turned into a grammar.
        """
        if request.document is not None:
            self._check_document(request.document)
        return Grammar(self._compile(self._lark(request)).deep_copy(), self._vocabulary)

    def _compile_lark(self, lark: str) -> LLMatcher:
        matcher = LLMatcher(self._vocabulary.grammar_tokenizer, lark, log_level=0)
        if matcher.is_error():
            log.info("a grammar was refused: %s", matcher.get_error())
            raise InvalidRequest(
                "The parameters of a tool are no usable JSON Schema. Use plain types, enums, bounds and nesting.",
                param="tools",
            )
        return matcher

    def _check_document(self, document: dict[str, object]) -> None:
        """A schema alone first, so that what is wrong with it is not blamed on the tools. Raises InvalidRequest."""
        try:
            self._compile(f"{HEADER}start: document\n{document_rule(document)}")
        except InvalidRequest:
            raise InvalidRequest(
                "The schema of response_format cannot be kept to. Use types, enums, bounds, nesting, anyOf and $ref.",
                param="response_format",
            ) from None

    def _lark(self, request: ChatRequest) -> str:
        tools, choice = request.tools or [], request.tool_choice or "auto"
        if isinstance(choice, NamedToolChoice):
            tools = [tool for tool in tools if tool.function.name == choice.function.name]
        callable_tools = [] if choice == "none" else tools
        further = 0 if request.parallel_tool_calls is False else self._max_calls - 1
        calls = "inner" + (f" more{{0,{further}}}" if further else "")
        if callable_tools and choice != "auto":
            return f"{HEADER}start: {self._begin()} {calls}\n{self._call_rules(callable_tools)}"
        if request.document is not None:
            start, rules = "document", document_rule(request.document)
            first = f"{self._begin()} {calls}"  # without text before it: no part of a document
        else:
            markers_matter = tools and not self._begins_with_control
            start, rules = "TEXT", f"TEXT: {self._text_without_marker() if markers_matter else ANY_TEXT}\n"
            first = f"first {calls}"
        if not callable_tools:
            return f"{HEADER}start: {start}\n{rules}"
        if request.document is None:
            rules += self._text_then_marker()
        return f"{HEADER}start: {start} | {first}\n{rules}{self._call_rules(callable_tools)}"

    def _call_rules(self, tools: Sequence[ToolSpec]) -> str:
        """Rules for what follows a begin marker (`inner`) and for further calls (`more`)."""
        names = [f"tool_{index}" for index in range(len(tools))]
        rules = [
            f"more: gap {self._begin()} inner",
            f"inner: gap ({' | '.join(names)}) gap {self._literal(self._markers.end)}",
            "gap: /[ \\n]/?",
        ]
        rules += [f"{name}: {call_rule(tool)}" for name, tool in zip(names, tools, strict=True)]
        return "\n".join(rules) + "\n"

    def _text_then_marker(self) -> str:
        """The rule `first`: any text up to and with the begin marker."""
        if self._begins_with_control:
            return f"first: TEXT {self._begin()}\n"
        pattern = regex_literal(self._markers.begin)
        return f"first[lazy]: /(.|\\n)*{pattern}/\n"

    def _text_without_marker(self) -> str:
        return f"{ANY_TEXT} & ~/(?s:.*){regex_literal(self._markers.begin)}(?s:.*)/"

    def _begin(self) -> str:
        return self._literal(self._markers.begin)

    def _literal(self, text: str) -> str:
        """`text` in Lark: its control tokens by id, the rest as strings."""
        parts = self._vocabulary.split(text)
        return " ".join(
            f"<[{self._vocabulary.control_ids[part]}]>" if special else json.dumps(part) for part, special in parts
        )


def call_rule(tool: ToolSpec) -> str:
    """One call of one tool, in Lark. Raises InvalidRequest if its parameters are no object."""
    parameters = schema.parameters(tool)
    if parameters["type"] != "object":
        raise InvalidRequest(f"The parameters of the tool {tool.function.name} must be of type object.", param="tools")
    opening = json.dumps(f'{{"name": {json.dumps(tool.function.name)}, "arguments": ')
    return f'{opening} %json {json.dumps({**parameters, "x-guidance": CALL_STYLE})} "}}"'


def document_rule(document: dict[str, object]) -> str:
    """The rule `document`, in Lark: JSON that fits the schema, after one space where a tokenizer puts it."""
    return f"document: / /? %json {json.dumps({**schema.closed(document), 'x-guidance': JSON_STYLE})}\n"


def regex_literal(text: str) -> str:
    return re.escape(text).replace("/", "\\/")
