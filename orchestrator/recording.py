"""How a response that runs is recorded, event by event; or that it is not, because it need not last."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from orchestrator.items import Item
from orchestrator.journal import Fenced, Journal
from orchestrator.records.responses import Begun, Beside, Body, ResponseRecord, ResponseRecords
from orchestrator.records.running import Attempt, RunningRecords
from shared.events import TurnProgress

LONGEST_PAUSE_S = 2.0
log = logging.getLogger(__name__)


class Recording(Protocol):
    """What is given to one of these may be sent when it returns. All raise Fenced where somebody else runs it now."""

    attempt: Attempt | None
    """None: it is not recorded."""

    async def append(self, events: Sequence[Body]) -> None: ...

    async def checkpoint(
        self, progress: TurnProgress, written: int, items: Sequence[Item], events: Sequence[Body]
    ) -> None: ...

    async def finish(self, record: ResponseRecord, events: Sequence[Body], beside: Beside | None) -> None: ...

    async def hand_back(self) -> bool:
        """Let another process go on with it. False: nobody can."""
        ...


class Recorded:
    """In the records. What cannot be written yet is tried again until it can."""

    def __init__(
        self, attempt: Attempt, begun: Begun, journal: Journal, running: RunningRecords, responses: ResponseRecords
    ) -> None:
        self.attempt: Attempt | None = attempt
        self._mine, self._begun = attempt, begun
        self._journal, self._running, self._responses = journal, running, responses

    async def append(self, events: Sequence[Body]) -> None:
        await self._journal.append(self._mine, events)

    async def checkpoint(
        self, progress: TurnProgress, written: int, items: Sequence[Item], events: Sequence[Body]
    ) -> None:
        come = {"progress": progress.model_dump(mode="json"), "written": written}
        self._begun = self._begun.model_copy(update=come)
        await self._until_written(lambda: self._running.checkpoint(self._mine, self._begun, items, events))

    async def finish(self, record: ResponseRecord, events: Sequence[Body], beside: Beside | None) -> None:
        await self._until_written(lambda: self._responses.finish(record, self._mine.number, events, beside))

    async def hand_back(self) -> bool:
        await asyncio.to_thread(self._running.release, self._mine)
        return True

    async def _until_written(self, write: Callable[[], bool]) -> None:
        pause = 0.1
        while True:
            try:
                if not await asyncio.to_thread(write):
                    raise Fenced
            except IntegrityError:  # it stands there already: a commit of which nothing was heard
                log.exception("%s is left to be gone on with from its last step", self._mine.response_id)
                raise Fenced from None
            except SQLAlchemyError as error:
                log.warning("%s cannot be recorded yet: %s", self._mine.response_id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            else:
                return


class Unrecorded:
    """Nowhere: it ends with this process."""

    attempt: Attempt | None = None

    async def append(self, events: Sequence[Body]) -> None:
        pass

    async def checkpoint(
        self, progress: TurnProgress, written: int, items: Sequence[Item], events: Sequence[Body]
    ) -> None:
        pass

    async def finish(self, record: ResponseRecord, events: Sequence[Body], beside: Beside | None) -> None:
        pass

    async def hand_back(self) -> bool:
        return False
