"""Runs the tool calls of a turn, side by side, and tells the conversation what came of them.

Counts them and the unusable ones, within the turn's bounds. Knows no VLM.
"""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from orchestrator.items import PictureMade, ToolCall, ToolResult
from orchestrator.merging import merge
from orchestrator.tools import registry
from orchestrator.tools.base import Arguments, Outcome, Tool, ToolContext, ToolFailed
from orchestrator.tracing import traced_call
from shared.errors import ErrorRecord, ToolArgumentsInvalid, VlmNonsense
from shared.events import JobQueued, PictureShown, ToolCalled, ToolReturned, TurnEvent

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


class ResultsAdded:
    """The conversation has further results."""


class CallRunner:
    """The calls of one turn."""

    def __init__(self, context: ToolContext, bounds: Bounds, *, made: int = 0, format_errors: int = 0) -> None:
        self._context, self._bounds = context, bounds
        self.made = made
        """Calls so far."""
        self.format_errors = format_errors
        """Unusable calls in a row."""

    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[TurnEvent | ResultsAdded, None]:
        """All calls of one answer, which are in the conversation; their results join it in the order of the calls.

        Raises:
            VlmNonsense: there was nothing usable, too often in a row. An answer without any call counts as such.
        """
        if not calls:
            self._count_format_error()
        results: dict[str, ToolResult] = {}
        waiting = deque(calls)

        def add() -> bool:
            added = False
            while waiting and waiting[0].call_id in results:
                self._context.conversation.append(results[waiting.popleft().call_id])
                added = True
            return added

        try:
            async for event in merge([self._run_call(call, results) for call in calls]):
                yield event
                if isinstance(event, ToolReturned) and add():
                    yield ResultsAdded()
        finally:  # also where the turn ends here: what was shown is part of the conversation
            add()
            for call in waiting:
                if call.call_id in results:
                    self._context.conversation.append(results[call.call_id])

    async def _run_call(self, call: ToolCall, results: dict[str, ToolResult]) -> AsyncGenerator[TurnEvent, None]:
        try:
            tool, arguments = registry.validate(call.name, call.arguments)
        except ToolArgumentsInvalid as error:
            self._count_format_error()
            results[call.call_id] = _refused(call, error.record)
            return
        self.format_errors = 0
        self.made += 1
        if self.made > self._bounds.calls:
            results[call.call_id] = _refused(call, TOO_MANY_CALLS)
            return
        yield self._called(call, arguments)
        async for event in traced_call(call, self._run_tool(tool, arguments, call, results)):
            yield event

    async def _run_tool(
        self, tool: Tool, arguments: Arguments, call: ToolCall, results: dict[str, ToolResult]
    ) -> AsyncGenerator[TurnEvent, None]:
        try:
            async for event in tool.run(self._context.for_call(call.call_id), arguments):
                if isinstance(event, Outcome):
                    results[call.call_id] = event.as_result(call.call_id)
                    if event.picture is not None and event.alt is not None:
                        yield self._shown(call, event.picture, event.alt)
                    yield ToolReturned(id=call.id, call_id=call.call_id)
                elif isinstance(event, JobQueued):
                    yield event.model_copy(update={"call_id": call.call_id})
                else:
                    yield event
        except ToolFailed as failure:
            results[call.call_id] = _refused(call, failure.error)
            yield ToolReturned(id=call.id, call_id=call.call_id, error=failure.error)

    def _called(self, call: ToolCall, arguments: Arguments) -> ToolCalled:
        values = arguments.model_dump()
        artifact = self._context.conversation.images.get(values.get("image", ""))
        source = None if artifact is None else self._context.links.link(artifact)
        return ToolCalled(id=call.id, call_id=call.call_id, name=call.name, arguments=values, source=source)

    def _shown(self, call: ToolCall, picture: PictureMade, alt: str) -> PictureShown:
        link = self._context.links.link(picture.artifact)
        return PictureShown(id=call.id, call_id=call.call_id, alt=alt, artifact=picture.artifact, link=link)

    def _count_format_error(self) -> None:
        """Raises VlmNonsense when the model was told often enough."""
        self.format_errors += 1
        if self.format_errors >= self._bounds.format_errors:
            raise VlmNonsense(NO_ANSWER)


def _refused(call: ToolCall, error: ErrorRecord) -> ToolResult:
    return Outcome(told={"error": error.message}).as_result(call.call_id)
