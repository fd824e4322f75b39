"""The agent loop: ask the VLM, run the tools it calls, tell it what came of them, until it answers without a call.

Bounded in steps, calls, time and unusable answers. Yields events; knows no HTTP, no queue and no model.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from orchestrator.conversation import Conversation, Message, TextPart, ToolCall, ToolResult
from orchestrator.handles import HandleFilter
from orchestrator.merging import merge
from orchestrator.tools import registry
from orchestrator.tools.base import Arguments, Outcome, Tool, ToolContext, ToolFailed
from orchestrator.vlm.client import Sampling, VisionLanguageModel, VlmEnd, VlmText, VlmToolCall
from shared.errors import DeadlineExceeded, ErrorRecord, ToolArgumentsInvalid, VlmNonsense
from shared.events import PictureShown, TextDelta, ToolCalled, TurnCompleted, TurnEvent, Usage

SYSTEM_PROMPT = (Path(__file__).parent / "prompts" / "system.md").read_text()
NO_ANSWER = "The vision-language model gave no usable answer. Try again, or put it in other words."
TOO_MANY_CALLS = ErrorRecord(
    code="too_many_calls", message="No more tool calls in this turn. Answer with what you have."
)


@dataclass(frozen=True)
class Bounds:
    """What one turn may take."""

    steps: int
    calls: int
    format_errors: int
    seconds: float


@dataclass
class Answer:
    """One answer of the VLM, as it came."""

    text: str = ""
    calls: list[VlmToolCall] = field(default_factory=list)
    end: VlmEnd = field(default_factory=VlmEnd)


class AgentLoop:
    """One turn of one conversation. `run` may be called once."""

    def __init__(
        self, vlm: VisionLanguageModel, context: ToolContext, sampling: Sampling, bounds: Bounds, *, tools: bool = True
    ) -> None:
        self._vlm, self._context, self._sampling, self._bounds = vlm, context, sampling, bounds
        self._conversation: Conversation = context.conversation
        self._tools = tools
        self._calls = 0
        self._format_errors = 0
        self._usage = Usage()
        self._finish_reason: Literal["stop", "length"] = "stop"
        self._shown = False

    async def run(self) -> AsyncGenerator[TurnEvent, None]:
        """Everything that happens in the turn; TurnCompleted is last.

        Raises:
            DiptychError: why the turn ended without an answer.
        """
        try:
            async with asyncio.timeout(self._bounds.seconds):
                async for event in self._steps():
                    self._shown = self._shown or isinstance(event, TextDelta)
                    yield event
        except TimeoutError:
            raise DeadlineExceeded("The answer took too long. Ask for less at once, or try again later.") from None
        if not self._shown:
            raise VlmNonsense(NO_ANSWER)
        yield TurnCompleted(usage=self._usage, finish_reason=self._finish_reason)

    async def _steps(self) -> AsyncGenerator[TurnEvent, None]:
        """Ask and execute, until an answer comes without a call. The last step offers no tools."""
        for step in range(1, self._bounds.steps + 1):
            last = step == self._bounds.steps
            answer = Answer()
            async for event in self._ask(answer, offer=self._tools and not last):
                yield event
            if last or (answer.text.strip() and not answer.calls):
                return
            async for event in self._execute(answer):
                yield event

    async def _ask(self, answer: Answer, *, offer: bool) -> AsyncGenerator[TurnEvent, None]:
        """One answer of the VLM; its text goes out as it comes, with exact text in place of handles."""
        offered = registry.schemas(self._conversation) if offer else []
        shown = HandleFilter(self._conversation.resolve)
        # In a thread: it reads and encodes every picture of the conversation.
        messages = await asyncio.to_thread(self._conversation.vlm_messages, SYSTEM_PROMPT)
        async for event in self._vlm.answer(messages, offered, self._sampling):
            if isinstance(event, VlmText):
                answer.text += event.text
                if text := shown.feed(event.text):
                    yield TextDelta(text=text)
            elif isinstance(event, VlmToolCall):
                answer.calls.append(event)
            else:
                answer.end = event
        if text := shown.flush():
            yield TextDelta(text=text)
        if answer.calls and answer.text.strip():
            yield TextDelta(text="\n\n")
        self._usage += answer.end.usage
        self._finish_reason = answer.end.finish_reason
        if answer.text:
            self._conversation.items.append(Message(role="assistant", parts=(TextPart(text=answer.text),)))

    async def _execute(self, answer: Answer) -> AsyncGenerator[TurnEvent, None]:
        """All calls of one answer, side by side; their results join the conversation in the order of the calls."""
        calls = [_as_item(call) for call in answer.calls]
        if not calls:
            self._count_format_error()
        self._conversation.items.extend(calls)
        results: dict[str, str] = {}
        async for event in merge([self._run_call(call, results) for call in calls]):
            yield event
        self._conversation.items.extend(ToolResult(call_id=c.call_id, output=results[c.call_id]) for c in calls)

    async def _run_call(self, call: ToolCall, results: dict[str, str]) -> AsyncGenerator[TurnEvent, None]:
        try:
            tool, arguments = registry.validate(call.name, call.arguments)
        except ToolArgumentsInvalid as error:
            self._count_format_error()
            results[call.call_id] = _told_error(error.record)
            return
        self._format_errors = 0
        self._calls += 1
        if self._calls > self._bounds.calls:
            results[call.call_id] = _told_error(TOO_MANY_CALLS)
            return
        yield ToolCalled(call_id=call.call_id, name=call.name, arguments=arguments.model_dump())
        async for event in self._run_tool(tool, arguments, call, results):
            yield event

    async def _run_tool(
        self, tool: Tool, arguments: Arguments, call: ToolCall, results: dict[str, str]
    ) -> AsyncGenerator[TurnEvent, None]:
        try:
            async for event in tool.run(self._context, arguments):
                if not isinstance(event, Outcome):
                    yield event
                    continue
                results[call.call_id] = event.as_json
                if event.shown:
                    yield TextDelta(text=f"{event.shown}\n\n")
                if event.image_link:
                    yield PictureShown(link=event.image_link)
        except ToolFailed as failure:
            results[call.call_id] = _told_error(failure.error)

    def _count_format_error(self) -> None:
        """Raises VlmNonsense when the model was told often enough."""
        self._format_errors += 1
        if self._format_errors >= self._bounds.format_errors:
            raise VlmNonsense(NO_ANSWER)


def _as_item(call: VlmToolCall) -> ToolCall:
    """The call under an id of our own: those of a server may repeat."""
    return ToolCall(call_id=f"call_{secrets.token_hex(8)}", name=call.name, arguments=call.arguments)


def _told_error(error: ErrorRecord) -> str:
    return Outcome(told={"error": error.message}).as_json
