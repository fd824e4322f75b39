"""Jobs for a house, as its orchestrator would send and follow them, and everything that was shown of each."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import redis.asyncio
import sqlalchemy as sa
from redis.exceptions import RedisError

from orchestrator.dispatch import CeleryJobDispatcher
from orchestrator.dispatching import open_dispatcher
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.migrating import migrate
from orchestrator.records.queues import QueueRecords
from orchestrator.settings import OrchestratorSettings
from shared.artifacts import DirectoryArtifactStore
from shared.database import open_engine
from shared.errors import DiptychError
from shared.events import JobEvent, JobFailed, JobFinished, job_event_adapter
from shared.jobs import GenerateImage, Job, new_job
from shared.ledger import Ledger
from shared.tasks import end
from tests.faults.house import House

JOB_S = 120.0


def work(number: int, prompt: str = "a cat", **options: Any) -> GenerateImage:
    return GenerateImage(prompt=prompt, seed=number, **options)


@dataclass
class Shown:
    """What whoever asked for a job got to see."""

    job: Job
    events: list[JobEvent] = field(default_factory=list)
    refusal: DiptychError | None = None

    @property
    def end(self) -> JobFinished | JobFailed | None:
        last = self.events[-1] if self.events else None
        return last if isinstance(last, JobFinished | JobFailed) else None


class Driver:
    """Sends jobs to a house and follows them. `ends` counts the ends that stood on the wire, by job."""

    def __init__(
        self, house: House, dispatcher: CeleryJobDispatcher, engine: sa.Engine, seconds: float, max_attempts: int
    ) -> None:
        self.house, self.engine, self.max_attempts = house, engine, max_attempts
        self.ledger, self.queues = Ledger(engine), QueueRecords(engine)
        self.store = DirectoryArtifactStore(house.folder.path / "artifacts")
        self._dispatcher, self._seconds = dispatcher, seconds
        self.shown: list[Shown] = []
        self.ends: Counter[str] = Counter()
        self.stream = asyncio.get_running_loop().create_future()

    def job(self, asked: GenerateImage, owner: str = "local") -> Job:
        """One that was not submitted yet."""
        return new_job(asked, owner=owner, seconds=self._seconds)

    async def follow(self, job: Job) -> Shown:
        """Submit a job, and follow it to its end."""
        shown = Shown(job)
        self.shown.append(shown)
        try:
            async for event in self._dispatcher.run(job):
                shown.events.append(event)
                if not self.stream.done():
                    self.stream.set_result(self.ledger.get(job.id).reply_to)
        except DiptychError as error:
            shown.refusal = error
        return shown

    async def run_all(self, asked: Iterable[GenerateImage], *, at_once: int) -> list[Shown]:
        """So many at a time."""
        free, running = asyncio.Semaphore(at_once), []

        async def run(each: GenerateImage) -> Shown:
            try:
                return await self.follow(self.job(each))
            finally:
                free.release()

        for each in asked:
            await free.acquire()
            running.append(asyncio.create_task(run(each)))
        return await asyncio.gather(*running)

    async def count_ends(self, client: redis.asyncio.Redis) -> None:
        """Read the wire beside the dispatcher, for ever."""
        stream, position = await self.stream, "0"
        while True:
            try:
                answer: Any = await client.xread(cast(Any, {stream: position}), block=1000, count=500)
            except RedisError:
                await asyncio.sleep(0.2)
                continue
            for _, entries in answer or []:
                position = entries[-1][0].decode()
                events = [job_event_adapter.validate_json(fields[b"event"]) for _, fields in entries]
                self.ends.update(event.job_id for event in events if isinstance(event, JobFinished | JobFailed))


@contextlib.asynccontextmanager
async def driving(house: House, *, seconds: float = JOB_S, **settings: Any) -> AsyncIterator[Driver]:
    """A driver with all that an orchestrator runs beside its dispatcher. `seconds`: what each job may take."""
    made = OrchestratorSettings(
        data=house.folder.path,
        redis_url=house.redis_url,
        database_url=house.environment.get("DIPTYCH_DATABASE_URL", ""),
        **({"max_queued": 10_000, "worker_grace_s": 60} | settings),
    )
    engine = open_engine(made.ledger_url)
    migrate(engine)
    async with (
        redis.asyncio.Redis.from_url(made.redis_url, socket_timeout=15) as client,
        open_dispatcher(made, engine, Ledger(engine), client, OrchestratorMetrics()) as dispatcher,
    ):
        driver = Driver(house, dispatcher, engine, seconds, made.max_attempts)
        counting = asyncio.create_task(driver.count_ends(client))
        yield driver
        await end(counting)
    engine.dispose()
