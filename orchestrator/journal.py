"""Has events recorded before anybody is sent them: those of all responses of this process, as many at a time as wait.

So whatever a client has seen stands in the records, and one transaction serves a hundred streams. Knows no responses.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from orchestrator.records.responses import Body
from orchestrator.records.running import Attempt, RunningRecords, Sent

AGAIN_S = 0.2
log = logging.getLogger(__name__)


class Fenced(Exception):
    """Another process runs the response now, or it was deleted: stop, and change nothing."""


class Journal:
    """One per process; for one event loop."""

    def __init__(self, records: RunningRecords) -> None:
        self._records = records
        # Its own: in the common one it would stand in line behind beginnings and ends, which wait for the disk.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[Sent, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    def close(self) -> None:
        """What waits is recorded; nothing may be appended any more."""
        self._thread.shutdown()

    async def append(self, attempt: Attempt, events: Sequence[Body]) -> None:
        """Returns when they are recorded. Raises Fenced."""
        recorded = asyncio.get_running_loop().create_future()
        self._waiting.append((Sent(attempt, events), recorded))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="journal")
        await recorded

    async def _write(self) -> None:
        """Until nothing waits."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            held = await self._recorded([sent for sent, _ in batch])
            for sent, recorded in batch:
                if recorded.done():  # whoever waited was stopped
                    continue
                if sent.attempt in held:
                    recorded.set_result(None)
                else:
                    recorded.set_exception(Fenced())
        self._writing = None

    async def _recorded(self, sent: Sequence[Sent]) -> set[Attempt]:
        """Tried again until it can be done: what is not recorded is not sent."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await loop.run_in_executor(self._thread, self._records.append, sent)
            except IntegrityError:  # one of them has lost count; the others shall not suffer
                log.exception("events cannot be recorded")
                return set() if len(sent) == 1 else {held for one in sent for held in await self._recorded([one])}
            except SQLAlchemyError as error:
                log.warning("events of %d responses cannot be recorded yet: %s", len(sent), error)
                await asyncio.sleep(AGAIN_S)
