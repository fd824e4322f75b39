"""Responses as they run: each goes on when its client leaves, is recorded event by event, and can be stopped.

What is sent last is sent when the end stands in the records: who has seen it can go on from it. Knows no wire format.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Protocol

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.cancelling import cancel_job
from orchestrator.conversation import Conversation
from orchestrator.conversation_turns import ConversationTurn
from orchestrator.feed import Feed
from orchestrator.records.responses import ResponseRecord, ResponseRecords
from orchestrator.turns import Turn
from shared.events import TurnEvent
from shared.ledger import Ledger

EVERY_S = 1.0
"""How often what was sent goes to the records."""
ALIVE_S = 15.0
"""After this much silence a response counts as cut off."""
TRIES = 5
log = logging.getLogger(__name__)
Event = dict[str, Any]


class Shaping(Protocol):
    """Makes numbered events of a turn's, and keeps the response object."""

    response: dict[str, Any]
    ended: bool

    def opening(self) -> list[Event]: ...

    async def take(self, event: TurnEvent) -> list[Event]: ...

    def stop(self) -> list[Event]: ...


class ResponseRun:
    """One response that runs here. `events` closes when it has ended."""

    def __init__(
        self,
        record: ResponseRecord,
        *,
        turn: Turn,
        shaping: Shaping,
        conversation: Conversation,
        jobs: list[str],
        ledger: Ledger,
        records: ResponseRecords | None,
        place: ConversationTurn | None = None,
    ) -> None:
        """`jobs` are the turn's, as they become known; without `records` nothing is kept.

        `place`: where it stands in a conversation that is kept.
        """
        self.record, self.turn, self.events = record, turn, Feed[Event]()
        self._shaping, self._conversation, self._jobs = shaping, conversation, jobs
        self._ledger, self._records, self._place = ledger, records, place
        self._unrecorded: list[Event] = []
        self._writing = asyncio.Lock()
        self._stopping: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self._play())

    @property
    def response(self) -> dict[str, Any]:
        """The response object as it is now."""
        return self._shaping.response

    async def cancel(self) -> None:
        """Stop it with all its jobs. Does nothing to one that has ended."""
        self.turn.cancel()
        await asyncio.wait({self.task})
        await asyncio.gather(*(cancel_job(self._ledger, job_id) for job_id in self._jobs))

    async def _play(self) -> None:
        recording = asyncio.create_task(self._record_forever())
        try:
            async for event in self._shaped():
                self._unrecorded.append(event)
                self.events.add(event)
        finally:
            recording.cancel()
            await asyncio.wait({recording})
            self.events.close()

    async def _shaped(self) -> AsyncIterator[Event]:
        """All events; the last ones when the end stands in the records."""
        for event in self._shaping.opening():
            yield event
        last: list[Event] = []
        async for happening in self.turn.events.follow():
            try:
                shaped = await self._shaping.take(happening)
            except Exception:
                log.exception("%s cannot be told", self.record.id)
                self.turn.cancel()
                break
            if self._shaping.ended:
                last = shaped
                continue
            for event in shaped:
                yield event
        if not self._shaping.ended:
            last = self._shaping.stop()
        await self._finish(last)
        for event in last:
            yield event

    async def _finish(self, last: list[Event]) -> None:
        completed = self.response["status"] == "completed"
        items = self._conversation.items if completed else self._conversation.settled()
        self.record = self.record.model_copy(update={"running": False, "body": self.response, "items": items})
        if self._records is None:
            return
        beside = self._place and self._place.ending(self.response, items)
        async with self._writing:
            sent = [*self._unrecorded, *last]
            for attempt in range(TRIES):
                try:
                    await asyncio.to_thread(self._records.finish, self.record, sent, beside)
                    self._unrecorded.clear()
                    return
                except SQLAlchemyError as error:
                    log.warning("the end of %s could not be recorded: %s", self.record.id, error)
                    await asyncio.sleep(0.2 * 2**attempt)

    async def _record_forever(self) -> None:
        while self._records is not None:
            await asyncio.sleep(EVERY_S)
            async with self._writing:
                sent = self._unrecorded.copy()
                try:
                    stop = await asyncio.to_thread(self._records.keep_alive, self.record.id, ALIVE_S, sent)
                except SQLAlchemyError as error:
                    log.warning("what %s sent could not be recorded yet: %s", self.record.id, error)
                    continue
                del self._unrecorded[: len(sent)]
            if stop:
                self._stopping = asyncio.create_task(self.cancel())
                return


class ResponseRuns:
    """All responses that run in this process."""

    def __init__(self) -> None:
        self._runs: dict[str, ResponseRun] = {}

    def add(self, run: ResponseRun) -> None:
        self._runs[run.record.id] = run
        run.task.add_done_callback(lambda _: self._runs.pop(run.record.id, None))

    def get(self, response_id: str, owner: str) -> ResponseRun | None:
        run = self._runs.get(response_id)
        return run if run is not None and run.record.owner == owner else None

    async def close(self) -> None:
        """Wait until all have said that they end; the turns must have been ended before."""
        await asyncio.gather(*(run.task for run in self._runs.values()), return_exceptions=True)
