"""Asks the VLM: shows it the conversation, hands its text on as it comes, checked, with exact text in place of
handles.

Knows no tools' work and no steps; what can be called is its caller's to say.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.checking import Checker
from orchestrator.conversation import Conversation
from orchestrator.handles import Exact, HandleFilter, Piece
from orchestrator.items import TextPart
from orchestrator.json_checking import JsonChecker
from orchestrator.quoting import ReadTexts
from orchestrator.tools.functions import Functions
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import Offer, Sampling, VisionLanguageModel, VlmEnd, VlmEvent, VlmText, VlmToolCall
from orchestrator.vlm.messages import newer_half, vlm_messages
from shared.errors import ContextTooLong, DiptychError, InvalidRequest, VlmRefused
from shared.events import TextDelta, TextEnded, TurnEvent, Usage

SYSTEM_PROMPT = (Path(__file__).parent / "prompts" / "system.md").read_text()
FUNCTIONS_REFUSED = (
    "The vision-language model's server cannot use these tools. Describe the parameters of your functions in plain "
    "JSON Schema: types, enums, bounds and nesting."
)
FORMAT_REFUSED = (
    "The vision-language model's server cannot keep to this schema. Use plain JSON Schema: types, enums, bounds, "
    "nesting, anyOf and $ref."
)


@dataclass
class Answer:
    """One answer of the VLM, as it came."""

    text: str = ""
    calls: list[VlmToolCall] = field(default_factory=list)
    end: VlmEnd = field(default_factory=VlmEnd)


class Asker:
    """The questions of one turn."""

    def __init__(
        self,
        vlm: VisionLanguageModel,
        conversation: Conversation,
        sampling: Sampling,
        functions: Functions,
        *,
        reading: TurnReading,
        instructions: str,
        truncate: bool,
        cut: str,
    ) -> None:
        """`cut`: an answer that was shown and broke off. It joins the conversation once the VLM was asked again."""
        self._vlm, self._conversation, self._sampling, self._functions = vlm, conversation, sampling, functions
        self._instructions, self._truncate, self._cut = instructions, truncate, cut
        self._reading = reading

    async def ask(self, answer: Answer, offer: Offer) -> AsyncGenerator[TurnEvent, None]:
        """One answer of the VLM; its text goes out as it comes, checked, with exact text in place of handles."""
        shaping = _Shaping(HandleFilter(self._resolve), self._reading.checker(self._sampling.response_format))
        # In a thread: it reads and encodes every picture of the conversation.
        system = system_text(self._instructions, self._reading.told)
        messages = await asyncio.to_thread(vlm_messages, self._conversation, system)
        if self._cut:
            self._conversation.add_assistant([TextPart(text=self._cut)])
            self._cut = ""
        try:
            async for event in self._answer(messages, offer):
                if isinstance(event, VlmText):
                    answer.text += event.text
                    for delta in shaping.feed(event.text):
                        yield delta
                elif isinstance(event, VlmToolCall):
                    answer.calls.append(event)
                else:
                    answer.end = event
            for delta in shaping.flush():
                yield delta
        finally:  # what was shown has been said, even where the answer broke off
            if shaping.said:
                self._conversation.add_assistant([TextPart(text=shaping.said)])
        if answer.calls and answer.text.strip():
            yield TextEnded()

    async def _answer(self, messages: list[dict[str, Any]], offer: Offer) -> AsyncGenerator[VlmEvent, None]:
        """What the VLM says, asked again with less where it is too much."""
        while True:
            try:
                async for event in self._vlm.answer(messages, offer, self._sampling):
                    yield event
                return
            except ContextTooLong:  # only ever before the first event
                newer = newer_half(messages) if self._truncate else None
                if newer is None:
                    raise
                messages = newer

    def refusal(self, error: VlmRefused) -> DiptychError:
        """What the client can do about it."""
        formatted = self._sampling.response_format is not None
        if error.param == "response_format" or (formatted and not self._functions.schemas):
            return InvalidRequest(FORMAT_REFUSED, param="response_format")
        return InvalidRequest(FUNCTIONS_REFUSED, param="tools") if self._functions.schemas else error

    def _resolve(self, match: re.Match[str]) -> Exact | None:
        """The exact text behind a handle, as the answer's format can hold it."""
        text = self._conversation.resolve(match)
        if text is None:
            return None
        if self._sampling.response_format is not None:
            return Exact(json.dumps(text, ensure_ascii=False)[1:-1])
        lines = self._conversation.lines_of(match)
        quote = ReadTexts(self._conversation).whole(match["name"], lines)
        unsure = self._conversation.texts[match["name"]].unsure.intersection(lines) if lines else ()
        return Exact(text, quote, _unsure(sorted(unsure), len(lines)))


def _unsure(numbers: list[int], of: int) -> str:
    """What is said of lines that may be wrong."""
    if not numbers:
        return ""
    which = "this line was" if of == 1 else "all of it was" if len(numbers) == of else "some of it was"
    named = "" if len(numbers) == of else f": line{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
    return f"{which} hard to read and may be wrong{named}"


class _Shaping:
    """What is made of one answer's text: exact text is set in, claims are checked."""

    def __init__(self, handles: HandleFilter, checker: Checker | JsonChecker | None) -> None:
        self._handles, self._checker = handles, checker
        self.said = ""
        """What has gone out, as it joins the conversation."""

    def feed(self, text: str) -> Iterator[TextDelta]:
        for piece in self._handles.feed(text):
            yield from self._out(self._checker.feed(piece) if self._checker else [piece])

    def flush(self) -> Iterator[TextDelta]:
        """What was held, when the answer has ended."""
        for piece in self._handles.flush():
            yield from self._out(self._checker.feed(piece) if self._checker else [piece])
        if self._checker:
            yield from self._out(self._checker.flush())

    def _out(self, pieces: Iterable[Piece]) -> Iterator[TextDelta]:
        for piece in pieces:
            self.said += piece.said
            if piece.text:
                yield TextDelta(text=piece.text, quotes=piece.quotes)


async def count_tokens(
    vlm: VisionLanguageModel, conversation: Conversation, functions: Functions, instructions: str = ""
) -> Usage:
    """Tokens that the first question of a turn has, as the VLM's server counts them: every such server tells it with
    an answer, so it is asked for one of a single token.

    Raises:
        VlmUnavailable, ContextTooLong, InvalidRequest.
    """
    messages = await asyncio.to_thread(vlm_messages, conversation, system_text(instructions))
    usage = Usage()
    try:
        async for event in vlm.answer(messages, functions.offer(conversation, first=True), Sampling(max_tokens=1)):
            if isinstance(event, VlmEnd):
                usage = event.usage
    except VlmRefused as error:
        raise InvalidRequest(FUNCTIONS_REFUSED, param="tools") from error
    return usage


def system_text(*further: str) -> str:
    """What the VLM is told first: who it is, and what is asked of it in this turn."""
    return "\n\n".join(filter(None, [SYSTEM_PROMPT, *further]))
