"""Has each picture looked for text when it arrives, and says how much of it the VLM resolves.

What was found is kept beside the picture, so the same picture again costs a look-up. Never raises for want of a worker
or a profile: the plan says so instead.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.conversation import Conversation
from orchestrator.dispatch import JobDispatcher
from orchestrator.pictures import size_in
from orchestrator.reading_plan import PicturePlan, ReadingPlan
from orchestrator.vlm.client import VisionLanguageModel
from shared.artifacts import ArtifactStore
from shared.errors import DiptychError
from shared.events import JobFinished
from shared.jobs import Queue, new_job
from shared.reading_profile import ReadingProfile, find_profile
from shared.text_places import FindText, TextPlaces, kept_places

log = logging.getLogger(__name__)


class Planner:
    """One per process; for one event loop."""

    def __init__(
        self, vlm: VisionLanguageModel, dispatcher: JobDispatcher, store: ArtifactStore, data: Path, seconds: float
    ) -> None:
        """`seconds`: how long a turn waits for a picture to be looked at."""
        self._vlm, self._dispatcher, self._store = vlm, dispatcher, store
        self._data, self._seconds = data, seconds
        self._looking: dict[str, asyncio.Task[TextPlaces | None]] = {}
        self._arriving: set[asyncio.Task[None]] = set()
        self._one_by_one = asyncio.Lock()

    async def plan(self, conversation: Conversation, owner: str, also: Sequence[str] = ()) -> ReadingPlan:
        """For the pictures that people brought into a conversation, and `also` those."""
        handles = list(dict.fromkeys([*conversation.brought, *also]))
        if not handles:
            return ReadingPlan()
        profile = await self._profile()
        artifacts = [conversation.images[handle] for handle in handles]
        places = await self._places(artifacts, owner) if profile else {}
        sizes = await asyncio.to_thread(lambda: [size_in(self._store, artifact) for artifact in artifacts])
        plans = (PicturePlan(size, places.get(one), profile) for size, one in zip(sizes, artifacts, strict=True))
        return ReadingPlan(dict(zip(handles, plans, strict=True)))

    def arrived(self, artifacts: Sequence[str], owner: str) -> None:
        """Have pictures looked at in the background, before anybody asks for a plan; who asks meanwhile joins in."""
        task = asyncio.create_task(self._look_early(artifacts, owner), name="find-text-early")
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def can_read(self) -> bool:
        """Whether a worker is there that reads."""
        return await self._dispatcher.is_served(Queue.OCR)

    async def close(self) -> None:
        """Wait for nothing more. Jobs stay in the ledger."""
        tasks = [*self._arriving, *self._looking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _profile(self) -> ReadingProfile | None:
        try:
            model = self._vlm.model or await self._vlm.check()
            return await asyncio.to_thread(find_profile, self._data, model)
        except DiptychError:
            return None  # the turn will say what is wrong with the VLM
        except ValidationError as error:
            log.warning("the VLM's reading profile cannot be used: measure it again (%d faults)", error.error_count())
            return None

    async def _look_early(self, artifacts: Sequence[str], owner: str) -> None:
        """One after the other, whatever arrives: many uploads must not fill the queue that somebody's turn waits in."""
        if await self._profile() is None:
            return
        for artifact in artifacts:
            async with self._one_by_one:
                await self._places([artifact], owner)

    async def _places(self, artifacts: Iterable[str], owner: str) -> dict[str, TextPlaces]:
        """What is known, and what becomes known in time."""
        found = await asyncio.to_thread(lambda: {one: kept_places(self._store, one) for one in artifacts})
        missing = [artifact for artifact, places in found.items() if places is None]
        if missing and await self.can_read():
            tasks = {artifact: self._look(artifact, owner) for artifact in missing}
            await asyncio.wait(tasks.values(), timeout=self._seconds)
            found |= {artifact: task.result() for artifact, task in tasks.items() if task.done()}
        return {artifact: places for artifact, places in found.items() if places is not None}

    def _look(self, artifact: str, owner: str) -> "asyncio.Task[TextPlaces | None]":
        """The one task that has it looked at, whoever asks; it goes on when they do not wait any longer."""
        task = self._looking.get(artifact)
        if task is None:
            task = self._looking[artifact] = asyncio.create_task(self._find(artifact, owner), name="find-text")
            task.add_done_callback(lambda _: self._looking.pop(artifact))
        return task

    async def _find(self, artifact: str, owner: str) -> TextPlaces | None:
        job = new_job(FindText(artifact=artifact), owner=owner, seconds=self._seconds)
        try:
            async for event in self._dispatcher.run(job):
                if isinstance(event, JobFinished) and isinstance(event.output, TextPlaces):
                    return event.output
        except DiptychError as error:
            log.warning("a picture was not looked for text: %s", error.code)
        except SQLAlchemyError as error:
            log.warning("a picture was not looked for text: %s", error)
        return None
