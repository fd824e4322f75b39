"""Turns as they run: each is a task of its own that goes on when its client leaves; its events can be followed.

The one place where an error becomes the last event of a turn.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from shared.errors import DiptychError
from shared.events import TurnEvent, TurnFailed

log = logging.getLogger(__name__)


class Turn:
    """The events of one turn, kept while it is followed."""

    def __init__(self) -> None:
        self._events: list[TurnEvent] = []
        self._news = asyncio.Condition()
        self._ended = False

    async def follow(self) -> AsyncIterator[TurnEvent]:
        """All events from the first one on; ends after the last one."""
        position = 0
        while True:
            async with self._news:
                while position == len(self._events) and not self._ended:
                    await self._news.wait()
            if position == len(self._events):
                return
            yield self._events[position]
            position += 1

    async def play(self, events: AsyncGenerator[TurnEvent, None]) -> None:
        """Take in everything that happens; an error becomes TurnFailed."""
        try:
            async for event in events:
                await self._add(event)
        except DiptychError as error:
            log.info("a turn failed: %s: %s", error.code, error.message)
            await self._add(TurnFailed(error=error.record, status=error.status))
        except Exception:
            log.exception("a turn failed for a fault of our own")
            error = DiptychError("Something went wrong inside Diptych. Its log has the details.")
            await self._add(TurnFailed(error=error.record, status=error.status))
        finally:
            self._ended = True
            async with self._news:
                self._news.notify_all()

    async def _add(self, event: TurnEvent) -> None:
        self._events.append(event)
        async with self._news:
            self._news.notify_all()


class TurnRunner:
    """Keeps the tasks of all turns that run in this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, events: AsyncGenerator[TurnEvent, None]) -> Turn:
        turn = Turn()
        task = asyncio.create_task(turn.play(events))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return turn

    async def close(self) -> None:
        """End all turns; their jobs stay in the ledger."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
