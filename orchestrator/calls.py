"""Runs the tool calls of a turn, side by side, and tells the conversation what came of them.

Counts them and the unusable ones, within the turn's bounds. Knows no VLM.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from orchestrator.conversation import ToolCall, ToolResult
from orchestrator.merging import merge
from orchestrator.tools import registry
from orchestrator.tools.base import Arguments, Outcome, Tool, ToolContext, ToolFailed
from shared.errors import ErrorRecord, ToolArgumentsInvalid, VlmNonsense
from shared.events import PictureShown, TextDelta, ToolCalled, TurnEvent

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


class CallRunner:
    """The calls of one turn."""

    def __init__(self, context: ToolContext, bounds: Bounds) -> None:
        self._context, self._bounds = context, bounds
        self._calls = 0
        self._format_errors = 0

    async def run(self, calls: list[ToolCall]) -> AsyncGenerator[TurnEvent, None]:
        """All calls of one answer; their results join the conversation in the order of the calls.

        Raises:
            VlmNonsense: there was nothing usable, too often in a row. An answer without any call counts as such.
        """
        if not calls:
            self._count_format_error()
        items = self._context.conversation.items
        items.extend(calls)
        results: dict[str, str] = {}
        async for event in merge([self._run_call(call, results) for call in calls]):
            yield event
        items.extend(ToolResult(call_id=call.call_id, output=results[call.call_id]) for call in calls)

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


def _told_error(error: ErrorRecord) -> str:
    return Outcome(told={"error": error.message}).as_json
