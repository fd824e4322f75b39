"""The agent loop: ask the VLM, run the tools it calls, tell it what came of them, until it answers without a call
or calls a function of the client's.

Bounded in steps, calls, time and unusable answers. Yields events; knows no HTTP, no queue and no model.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from typing import Literal

from orchestrator.asking import Answer, Asker
from orchestrator.calls import NO_ANSWER, Bounds, CallRunner, ResultsAdded
from orchestrator.conversation import Conversation
from orchestrator.items import ToolCall, new_item_id
from orchestrator.tools import registry
from orchestrator.tools.base import ToolContext
from orchestrator.tools.functions import Functions
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import Offer, Sampling, VisionLanguageModel, VlmToolCall
from shared.errors import DeadlineExceeded, VlmNonsense, VlmRefused, error_of
from shared.events import (
    FunctionCalled,
    PictureShown,
    StepEnded,
    TextDelta,
    ToolReturned,
    TurnCompleted,
    TurnEvent,
    TurnProgress,
)


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
        reading: TurnReading,
        instructions: str = "",
        truncate: bool = False,
        given: VlmToolCall | None = None,
        begun: TurnProgress | None = None,
        cut: str = "",
    ) -> None:
        """A turn that begins, or goes on from where another process left it.

        Args:
            instructions: for this turn only; they do not join the conversation.
            truncate: where the conversation is too long for the VLM, it is shown the newer part of it.
            given: the turn is this call, and the VLM is not asked.
            begun: how far the turn has come already.
            cut: an answer that broke off after that. It has been shown, so it joins the conversation; the VLM is
                asked again as if it had not been given.
        """
        self._bounds = bounds
        self._conversation: Conversation = context.conversation
        self._functions = functions
        self._given = given
        self._begun = begun or TurnProgress()
        self._asker = Asker(
            vlm,
            context.conversation,
            sampling,
            functions,
            reading=reading,
            instructions=instructions,
            truncate=truncate,
            cut=cut,
        )
        self._reading, self._read_first = reading, self._begun.read_first
        self._calls = CallRunner(context, bounds, made=self._begun.calls, format_errors=self._begun.format_errors)
        self._usage = self._begun.usage
        self._finish_reason: Literal["stop", "length", "tool_calls"] = "stop"
        self._shown = self._begun.shown or bool(cut)

    async def run(self) -> AsyncGenerator[TurnEvent, None]:
        """Everything that happens in the turn; TurnCompleted is last.

        Raises:
            DiptychError: why the turn ended without an answer.
        """
        try:
            async with asyncio.timeout(self._bounds.seconds):
                async for event in self._given_step(self._given) if self._given else self._steps():
                    self._shown = self._shown or isinstance(event, TextDelta | PictureShown | FunctionCalled)
                    yield event
        except TimeoutError:
            raise DeadlineExceeded("The answer took too long. Ask for less at once, or try again later.") from None
        if not self._shown:
            raise VlmNonsense(NO_ANSWER)
        yield TurnCompleted(usage=self._usage, finish_reason=self._finish_reason)

    async def _steps(self) -> AsyncGenerator[TurnEvent, None]:
        """Ask and execute, until an answer comes without a call of ours. The last step offers no tools."""
        async for event in self._before_asking():
            yield event
        if self._begun.handed_back:
            return
        for step in range(self._begun.step + 1, self._bounds.steps + 1):
            last = step == self._bounds.steps
            offer = Offer() if last else self._functions.offer(self._conversation, first=step == 1)
            answer = Answer()
            try:
                async for event in self._asker.ask(answer, offer):
                    yield event
            except VlmRefused as error:
                if step > 1:
                    raise
                raise self._asker.refusal(error) from error
            self._usage += answer.end.usage
            self._finish_reason = answer.end.finish_reason
            if last or (answer.text.strip() and not answer.calls):
                return
            own, theirs = self._accepted(answer.calls)
            yield self._ended(step, theirs)
            async for event in self._execute(step, own, theirs):
                yield event
            if theirs:
                return

    async def _given_step(self, given: VlmToolCall) -> AsyncGenerator[TurnEvent, None]:
        """Run the call that was given. Raises DiptychError where it fails."""
        own: Sequence[ToolCall] = ()
        if not self._begun.step:
            own, _ = self._accepted([given])
            yield self._ended(1, ())
        async for event in self._execute(1, own, ()) if own else self._left_over():
            yield event
            if isinstance(event, ToolReturned) and event.error is not None:
                raise error_of(event.error)

    async def _before_asking(self) -> AsyncGenerator[TurnEvent, None]:
        """What is left over; and what the VLM would only guess at is read first, as if it had called for it."""
        await self._reading.prepare()
        async for event in self._left_over():
            yield event
        if self._begun.step or self._read_first:
            return
        calls = self._reading.calls(self._functions, self._bounds.calls)
        if calls:
            own, _ = self._accepted(calls)
            self._read_first = True
            yield self._ended(0, ())
            async for event in self._execute(0, own, ()):
                yield event

    async def _left_over(self) -> AsyncGenerator[TurnEvent, None]:
        """The calls that another process did not finish."""
        if not self._begun.step and not self._begun.read_first:
            return
        waiting = self._conversation.open_calls()
        calls = [item for item in self._conversation.items if isinstance(item, ToolCall) and item.call_id in waiting]
        if calls or self._begun.handed_back:
            async for event in self._execute(self._begun.step, calls, self._begun.handed_back):
                yield event

    def _accepted(self, calls: list[VlmToolCall]) -> tuple[list[ToolCall], tuple[FunctionCalled, ...]]:
        """Our own calls, which join the conversation now, and those of the client's functions, which do so last."""
        names = self._functions.names
        own = [_as_item(call, registry.item_prefix(call.name)) for call in calls if call.name not in names]
        for item in own:
            self._conversation.append(item)
        theirs = [_as_item(call, "fc") for call in calls if call.name in names]
        return own, tuple(
            FunctionCalled(id=item.id, call_id=item.call_id, name=item.name, arguments=item.arguments)
            for item in theirs
        )

    async def _execute(
        self, step: int, own: Sequence[ToolCall], theirs: Sequence[FunctionCalled]
    ) -> AsyncGenerator[TurnEvent, None]:
        """Run our own calls, then hand the client's back."""
        if own or not theirs:
            async for event in self._calls.run(own):
                yield self._ended(step, theirs) if isinstance(event, ResultsAdded) else event
        for call in theirs:
            item = ToolCall(id=call.id, call_id=call.call_id, name=call.name, arguments=call.arguments)
            self._conversation.append(item)
            self._finish_reason = "tool_calls"
            yield call

    def _ended(self, step: int, theirs: Sequence[FunctionCalled]) -> StepEnded:
        progress = TurnProgress(
            step=step,
            usage=self._usage,
            calls=self._calls.made,
            format_errors=self._calls.format_errors,
            shown=self._shown,
            read_first=self._read_first,
            handed_back=tuple(theirs),
        )
        return StepEnded(progress=progress)


def _as_item(call: VlmToolCall, prefix: str) -> ToolCall:
    """The call under ids of our own: those of a server may repeat."""
    call_id = f"call_{secrets.token_hex(8)}"
    return ToolCall(id=new_item_id(prefix), call_id=call_id, name=call.name, arguments=call.arguments)
