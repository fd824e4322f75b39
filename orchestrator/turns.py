"""Turns as they run: each is a task of its own that goes on when its client leaves; its events can be followed.

The one place where an error becomes the last event of a turn.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator

from orchestrator.feed import Feed
from orchestrator.metrics import TurnMetrics
from shared.errors import DiptychError
from shared.events import TurnCancelled, TurnCompleted, TurnEvent, TurnFailed

log = logging.getLogger(__name__)


def failure(end: TurnFailed) -> DiptychError:
    """The error that ended a turn, to be raised again."""
    error = DiptychError(end.error.message, code=end.error.code)
    error.status = end.status
    return error


class Turn:
    """One turn: its events, and the way to stop it. The last event is a TurnEnd, unless Diptych itself is stopping."""

    def __init__(self, events: AsyncGenerator[TurnEvent, None]) -> None:
        self.events: Feed[TurnEvent] = Feed()
        self.task = asyncio.create_task(self._play(events))
        self._cancelled = False

    def cancel(self) -> None:
        """End it with TurnCancelled, if it has not ended. Its jobs are the caller's to cancel."""
        if not self.task.done():
            self._cancelled = True
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
        raise DiptychError("Diptych is stopping. Try again in a moment.", code="stopping")

    async def _play(self, events: AsyncGenerator[TurnEvent, None]) -> None:
        """Take in everything that happens; an error becomes TurnFailed."""
        try:
            async for event in events:
                self.events.add(event)
        except asyncio.CancelledError:
            if not self._cancelled:
                raise
            self.events.add(TurnCancelled())
        except DiptychError as error:
            log.info("a turn failed: %s: %s", error.code, error.message)
            self.events.add(TurnFailed(error=error.record, status=error.status))
        except Exception:
            log.exception("a turn failed for a fault of our own")
            error = DiptychError("Something went wrong inside Diptych. Its log has the details.")
            self.events.add(TurnFailed(error=error.record, status=error.status))
        finally:
            self.events.close()


class TurnRunner:
    """Keeps the tasks of all turns that run in this process."""

    def __init__(self, metrics: TurnMetrics) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._metrics = metrics
        metrics.watch_open(lambda: len(self._tasks))

    def start(self, events: AsyncGenerator[TurnEvent, None]) -> Turn:
        turn, began = Turn(events), time.monotonic()
        self._tasks.add(turn.task)
        turn.task.add_done_callback(self._tasks.discard)
        turn.task.add_done_callback(lambda _: self._metrics.ended(turn.events.last, time.monotonic() - began))
        return turn

    async def close(self) -> None:
        """End all turns; their jobs stay in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
