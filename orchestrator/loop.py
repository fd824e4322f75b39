"""The agent loop: ask the VLM, run the tools it calls, tell it what came of them, until it answers without a call
or calls a function of the client's.

Bounded in steps, calls, time and unusable answers. Yields events; knows no HTTP, no queue and no model.
"""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orchestrator.calls import NO_ANSWER, Bounds, CallRunner
from orchestrator.conversation import Conversation
from orchestrator.handles import HandleFilter
from orchestrator.items import TextPart, ToolCall, new_item_id
from orchestrator.tools import registry
from orchestrator.tools.base import ToolContext
from orchestrator.tools.functions import Functions
from orchestrator.vlm.client import Offer, Sampling, VisionLanguageModel, VlmEnd, VlmEvent, VlmText, VlmToolCall
from orchestrator.vlm.messages import newer_half, vlm_messages
from shared.errors import ContextTooLong, DeadlineExceeded, DiptychError, InvalidRequest, VlmNonsense, VlmRefused
from shared.events import FunctionCalled, PictureShown, TextDelta, TextEnded, TurnCompleted, TurnEvent, Usage

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


class AgentLoop:
    """One turn of one conversation. `run` may be called once."""

    def __init__(
        self,
        vlm: VisionLanguageModel,
        context: ToolContext,
        sampling: Sampling,
        bounds: Bounds,
        functions: Functions,
        *,
        instructions: str = "",
        truncate: bool = False,
    ) -> None:
        """`instructions` are for this turn only: they do not join the conversation.

        `truncate`: where the conversation is too long for the VLM, it is shown the newer part of it.
        """
        self._vlm, self._context, self._sampling, self._bounds = vlm, context, sampling, bounds
        self._conversation: Conversation = context.conversation
        self._functions = functions
        self._system, self._truncate = system_text(instructions), truncate
        self._calls = CallRunner(context, bounds)
        self._usage = Usage()
        self._finish_reason: Literal["stop", "length", "tool_calls"] = "stop"
        self._shown = False

    async def run(self) -> AsyncGenerator[TurnEvent, None]:
        """Everything that happens in the turn; TurnCompleted is last.

        Raises:
            DiptychError: why the turn ended without an answer.
        """
        try:
            async with asyncio.timeout(self._bounds.seconds):
                async for event in self._steps():
                    self._shown = self._shown or isinstance(event, TextDelta | PictureShown | FunctionCalled)
                    yield event
        except TimeoutError:
            raise DeadlineExceeded("The answer took too long. Ask for less at once, or try again later.") from None
        if not self._shown:
            raise VlmNonsense(NO_ANSWER)
        yield TurnCompleted(usage=self._usage, finish_reason=self._finish_reason)

    async def _steps(self) -> AsyncGenerator[TurnEvent, None]:
        """Ask and execute, until an answer comes without a call of ours. The last step offers no tools."""
        for step in range(1, self._bounds.steps + 1):
            last = step == self._bounds.steps
            offer = Offer() if last else self._functions.offer(self._conversation, first=step == 1)
            answer = Answer()
            try:
                async for event in self._ask(answer, offer):
                    yield event
            except VlmRefused as error:
                if step > 1:
                    raise
                raise self._refusal(error) from error
            if last or (answer.text.strip() and not answer.calls):
                return
            theirs = [call for call in answer.calls if call.name in self._functions.names]
            answer.calls = [call for call in answer.calls if call not in theirs]
            if answer.calls or not theirs:
                async for event in self._calls.run([_as_own(call) for call in answer.calls]):
                    yield event
            if theirs:
                for event in self._hand_back(theirs):
                    yield event
                return

    def _refusal(self, error: VlmRefused) -> DiptychError:
        """What the client can do about it."""
        formatted = self._sampling.response_format is not None
        if error.param == "response_format" or (formatted and not self._functions.schemas):
            return InvalidRequest(FORMAT_REFUSED, param="response_format")
        return InvalidRequest(FUNCTIONS_REFUSED, param="tools") if self._functions.schemas else error

    def _resolve(self, match: re.Match[str]) -> str | None:
        """The exact text behind a handle, as the answer's format can hold it."""
        text = self._conversation.resolve(match)
        if text is None or self._sampling.response_format is None:
            return text
        return json.dumps(text, ensure_ascii=False)[1:-1]

    def _hand_back(self, calls: list[VlmToolCall]) -> list[FunctionCalled]:
        """The client's turn: what it shall run."""
        items = [_as_item(call, "fc") for call in calls]
        for item in items:
            self._conversation.append(item)
        self._finish_reason = "tool_calls"
        return [
            FunctionCalled(id=item.id, call_id=item.call_id, name=item.name, arguments=item.arguments) for item in items
        ]

    async def _ask(self, answer: Answer, offer: Offer) -> AsyncGenerator[TurnEvent, None]:
        """One answer of the VLM; its text goes out as it comes, with exact text in place of handles."""
        shown = HandleFilter(self._resolve)
        # In a thread: it reads and encodes every picture of the conversation.
        messages = await asyncio.to_thread(vlm_messages, self._conversation, self._system)
        try:
            async for event in self._answer(messages, offer):
                if isinstance(event, VlmText):
                    answer.text += event.text
                    if text := shown.feed(event.text):
                        yield TextDelta(text=text)
                elif isinstance(event, VlmToolCall):
                    answer.calls.append(event)
                else:
                    answer.end = event
        finally:  # what was shown has been said, even where the answer broke off
            if answer.text:
                self._conversation.add_assistant([TextPart(text=answer.text)])
        if text := shown.flush():
            yield TextDelta(text=text)
        if answer.calls and answer.text.strip():
            yield TextEnded()
        self._usage += answer.end.usage
        self._finish_reason = answer.end.finish_reason

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


async def count_tokens(
    vlm: VisionLanguageModel, conversation: Conversation, functions: Functions, instructions: str = ""
) -> int:
    """Tokens that the first question of a turn has, as the VLM's server counts them: every such server tells it with
    an answer, so it is asked for one of a single token.

    Raises:
        VlmUnavailable, ContextTooLong, InvalidRequest.
    """
    messages = await asyncio.to_thread(vlm_messages, conversation, system_text(instructions))
    tokens = 0
    try:
        async for event in vlm.answer(messages, functions.offer(conversation, first=True), Sampling(max_tokens=1)):
            if isinstance(event, VlmEnd):
                tokens = event.usage.prompt_tokens
    except VlmRefused as error:
        raise InvalidRequest(FUNCTIONS_REFUSED, param="tools") from error
    return tokens


def system_text(instructions: str) -> str:
    """What the VLM is told first: who it is, and what is asked of it in this turn."""
    return f"{SYSTEM_PROMPT}\n\n{instructions}" if instructions else SYSTEM_PROMPT


def _as_own(call: VlmToolCall) -> ToolCall:
    return _as_item(call, registry.item_prefix(call.name))


def _as_item(call: VlmToolCall, prefix: str) -> ToolCall:
    """The call under ids of our own: those of a server may repeat."""
    call_id = f"call_{secrets.token_hex(8)}"
    return ToolCall(id=new_item_id(prefix), call_id=call_id, name=call.name, arguments=call.arguments)
