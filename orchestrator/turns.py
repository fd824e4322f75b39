"""Turns as they run: each is a task of its own that goes on when its client leaves; its events can be followed.

The one place where an error becomes the last event of a turn.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator

from orchestrator.feed import Feed
from orchestrator.metrics import TurnMetrics
from orchestrator.seats import shared_seat
from shared.errors import DiptychError, Stopping
from shared.events import StepEnded, TurnCancelled, TurnCompleted, TurnEvent, TurnFailed

log = logging.getLogger(__name__)


def failure(end: TurnFailed) -> DiptychError:
    """The error that ended a turn, to be raised again."""
    error = DiptychError(end.error.message, code=end.error.code)
    error.status = end.status
    return error


class Turn:
    """One turn: its events, and the way to stop it. The last event is a TurnEnd, unless Diptych itself is stopping."""

    def __init__(self, events: AsyncGenerator[TurnEvent, None], *, paced: bool = False) -> None:
        """`paced`: after each StepEnded it goes on when its follower has said so, by `go_on`."""
        self.events: Feed[TurnEvent] = Feed()
        self._paced, self._may_go_on = paced, asyncio.Event()
        self._cancelled = False
        self.task = asyncio.create_task(self._play(events))
        self.task.add_done_callback(self._close)

    def cancel(self) -> None:
        """End it with TurnCancelled, if it has not ended. Its jobs are the caller's to cancel."""
        if not self.task.done():
            self._cancelled = True
            self.task.cancel()

    def go_on(self) -> None:
        """What came up to the last StepEnded is recorded."""
        self._may_go_on.set()

    def abandon(self) -> None:
        """Stop without an end: somebody else goes on with it."""
        self.task.cancel()

    async def completed(self) -> AsyncIterator[TurnEvent]:
        """All events, from the first one on; TurnCompleted is last.

        Raises:
            DiptychError: the turn ended otherwise.
        """
        async for event in self.events.follow():
            if isinstance(event, TurnFailed):
                raise failure(event)
            yield event
            if isinstance(event, TurnCompleted):
                return
        raise Stopping

    async def _play(self, events: AsyncGenerator[TurnEvent, None]) -> None:
        """Take in everything that happens; an error becomes TurnFailed."""
        try:
            async for event in events:
                self.events.add(event)
                if self._paced and isinstance(event, StepEnded):
                    await self._may_go_on.wait()
                    self._may_go_on.clear()
        except DiptychError as error:
            log.info("a turn failed: %s: %s", error.code, error.message)
            self.events.add(TurnFailed(error=error.record, status=error.status))
        except Exception:
            log.exception("a turn failed for a fault of our own")
            error = DiptychError("Something went wrong inside Diptych. Its log has the details.")
            self.events.add(TurnFailed(error=error.record, status=error.status))

    def _close(self, task: asyncio.Task[None]) -> None:
        """Also of a task that was cancelled before it could begin."""
        if task.cancelled() and self._cancelled:
            self.events.add(TurnCancelled())
        self.events.close()


class TurnRunner:
    """Keeps the tasks of all turns that run in this process."""

    def __init__(self, metrics: TurnMetrics) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._metrics = metrics
        metrics.watch_open(lambda: len(self._tasks))

    def start(self, events: AsyncGenerator[TurnEvent, None], *, paced: bool = False) -> Turn:
        turn, began, leave = Turn(events, paced=paced), time.monotonic(), shared_seat()
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)
        turn.task.add_done_callback(lambda _: leave())
        turn.task.add_done_callback(lambda _: self._metrics.ended(turn.events.last, time.monotonic() - began))
        return turn

    async def close(self) -> None:
        """End all turns; their jobs stay in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
