"""Responses as they run: each goes on when its client leaves, is recorded event by event, and can be stopped.

Nothing is sent before it stands in the records, and a turn's next step begins when the last one does. So another
process can go on with it where this one is killed. Knows no wire format.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol, Self

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cancelling import cancel_job
from orchestrator.conversation_turns import ConversationTurn
from orchestrator.feed import Feed
from orchestrator.journal import Fenced
from orchestrator.recording import Recording
from orchestrator.records.responses import ResponseRecord
from orchestrator.records.running import RunningRecords
from orchestrator.tools.base import ToolContext
from orchestrator.turns import Turn
from shared.events import PictureShown, StepEnded, ToolReturned, TurnEvent
from shared.ledger import Ledger
from shared.tasks import end

RENEW_S = 1.0
ALIVE_S = 5.0
"""After this much silence another process goes on with a response."""
log = logging.getLogger(__name__)
Event = dict[str, Any]


class Shaping(Protocol):
    """Makes numbered events of a turn's, and keeps the response object."""

    response: dict[str, Any]
    ended: bool

    @property
    def written(self) -> int: ...

    async def take(self, event: TurnEvent) -> list[Event]: ...

    def stop(self) -> list[Event]: ...


class ResponseRun:
    """One response that runs here. `events` closes when it has ended, or somebody else goes on with it."""

    def __init__(
        self,
        record: ResponseRecord,
        *,
        turn: Turn,
        shaping: Shaping,
        opening: Sequence[Event],
        before: Sequence[Event] = (),
        tools: ToolContext,
        ledger: Ledger,
        recording: Recording,
        place: ConversationTurn | None = None,
        unheard: bool = False,
    ) -> None:
        """`opening` comes before the turn's first event, and `before` that what another process has sent.

        `place`: where it stands in a conversation that is kept.
        `unheard`: nobody learns its id before it has ended, so its events are recorded a step at a time.
        """
        self.record, self.turn, self.events = record, turn, Feed[Event]()
        self._tell(before)
        self.recording = recording
        self._shaping, self._tools = shaping, tools
        self._ledger, self._place, self._unheard = ledger, place, unheard
        self._held: list[Event] = []
        self.task = asyncio.create_task(self._play(opening))

    @property
    def response(self) -> dict[str, Any]:
        """The response object as it is now."""
        return self._shaping.response

    async def cancel(self) -> None:
        """Stop it with all its jobs. Does nothing to one that has ended."""
        self.turn.cancel()
        await asyncio.wait({self.task})
        await asyncio.gather(*(cancel_job(self._ledger, job_id) for job_id in self._tools.jobs))

    async def _play(self, opening: Sequence[Event]) -> None:
        try:
            await self._send(opening)
            async for happening in self.turn.events.follow():
                await self._take(happening)
                if self._shaping.ended:
                    return
            if not await self.recording.hand_back():
                await self._finish(self._shaping.stop())
        except Fenced:
            log.info("%s is run by another process now", self.record.id)
            self.turn.abandon()
        finally:
            self.events.close()

    async def _take(self, happening: TurnEvent) -> None:
        if isinstance(happening, StepEnded):
            await self._end_step(happening)
            return
        try:
            shaped = await self._shaping.take(happening)
        except Exception:
            log.exception("%s cannot be told", self.record.id)
            self.turn.cancel()
            shaped = self._shaping.stop()
        if self._shaping.ended:
            await self._finish(shaped)
        elif isinstance(happening, PictureShown | ToolReturned):
            self._held += shaped  # recorded together with the step that it ends
        else:
            await self._send(shaped)

    async def _send(self, events: Sequence[Event]) -> None:
        if self._unheard:
            self._held += events
            return
        sent, self._held = [*self._held, *events], []
        if sent:
            await self.recording.append(sent)
            self._tell(sent)

    async def _end_step(self, step: StepEnded) -> None:
        sent, self._held = self._held, []
        await self.recording.checkpoint(step.progress, self._shaping.written, self._tools.conversation.items, sent)
        self._tell(sent)
        self.turn.go_on()

    async def _finish(self, last: Sequence[Event]) -> None:
        sent, self._held = [*self._held, *last], []
        completed = self.response["status"] == "completed"
        conversation = self._tools.conversation
        items = conversation.items if completed else conversation.settled()
        ended = self.record.model_copy(update={"running": False, "body": self.response, "items": items})
        await self.recording.finish(ended, sent, self._place and self._place.ending(self.response, items))
        self.record = ended
        self._tell(sent)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self.events.add(event)


class ResponseRuns:
    """All responses that run in this process. Use as an asynchronous context: it keeps them while it is open."""

    def __init__(self, records: RunningRecords) -> None:
        self._records = records
        self._runs: dict[str, ResponseRun] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._renewing = asyncio.create_task(self._renew_forever(), name="response-leases")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait until all have ended or been handed back; the turns must have been ended before."""
        await asyncio.gather(*(run.task for run in self._runs.values()), return_exceptions=True)
        await end(self._renewing)

    def add(self, run: ResponseRun) -> None:
        """Where one was frozen for longer than its lease, this process may have taken it over from itself."""
        before = self._runs.get(run.record.id)
        self._runs[run.record.id] = run
        run.task.add_done_callback(lambda _: self._remove(run))
        if before is not None:
            before.turn.abandon()

    def get(self, response_id: str, owner: str) -> ResponseRun | None:
        run = self._runs.get(response_id)
        return run if run is not None and run.record.owner == owner else None

    def _remove(self, run: ResponseRun) -> None:
        if self._runs.get(run.record.id) is run:
            del self._runs[run.record.id]

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._renew()
            except SQLAlchemyError as error:
                log.warning("the leases of responses could not be renewed: %s", error)

    async def _renew(self) -> None:
        """Say that all go on here; learn which shall stop, and which are somebody else's now."""
        mine = {run.recording.attempt: run for run in self._runs.values() if run.recording.attempt is not None}
        if not mine:
            return
        held = await asyncio.to_thread(self._records.renew, list(mine), ALIVE_S)
        for attempt, run in mine.items():
            if attempt not in held:
                run.turn.abandon()
            elif held[attempt]:
                stopping = asyncio.create_task(run.cancel())
                self._stopping.add(stopping)
                stopping.add_done_callback(self._stopping.discard)
