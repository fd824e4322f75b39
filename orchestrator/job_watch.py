"""Looks after all jobs that this process waits for: once a second, what the ledger says of them, in one question.

Events tell sooner how a job goes; where they are lost, this is what finds its end. It also knows which workers live
and how long things take, and so when a waiting job is likely to be done.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Self

import redis.asyncio
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.records.queues import QueueRecords, QueueState, Standing
from shared.events import JobEvent
from shared.jobs import Queue
from shared.presence import WorkerPresence, live_workers, slots_of
from shared.tasks import end

POLL_S = 1.0
log = logging.getLogger(__name__)
News = JobEvent | Standing


class JobWatch:
    """Use as an asynchronous context: it looks while it is open."""

    def __init__(self, queues: QueueRecords, client: redis.asyncio.Redis) -> None:
        self._queues, self._redis = queues, client
        self._followed: dict[str, asyncio.Queue[News]] = {}
        self._workers: list[WorkerPresence] = []
        self._states: dict[Queue, QueueState] = {}
        self._served_at: dict[Queue, float] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._look_forever(), name="job-watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    @contextlib.contextmanager
    def follow(self, job_id: str, news: "asyncio.Queue[News]") -> Iterator[None]:
        """Put into `news` how the job stands, time and again, while the context is open."""
        self._followed[job_id] = news
        try:
            yield
        finally:
            del self._followed[job_id]

    def unserved_s(self, queue: Queue) -> float:
        """For how long no worker of the queue was seen, in seconds since somebody first waited for one."""
        return time.monotonic() - self._served_at.setdefault(queue, time.monotonic())

    async def is_served(self, queue: Queue) -> bool:
        """Whether a worker of the queue is there: as it was seen lately, or where none was, as it is now."""
        if not slots_of(self._workers, queue):
            await self._look_at_workers()
        return slots_of(self._workers, queue) > 0

    def eta_s(self, queue: Queue, place: int | None) -> float | None:
        """Seconds until a job at that place is likely to be done; None where nothing was measured yet."""
        if place is None or queue not in self._states:
            return None
        return self._states[queue].eta_s(place, slots_of(self._workers, queue))

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if not self._followed:
                self._served_at.clear()
            await self._look_at_workers()
            try:
                standings = await asyncio.to_thread(self._look)
            except SQLAlchemyError as error:
                log.warning("the ledger did not say how jobs stand: %s", error)
                continue
            for job_id, standing in standings.items():
                if (news := self._followed.get(job_id)) is not None:
                    news.put_nowait(standing)

    async def _look_at_workers(self) -> None:
        with contextlib.suppress(RedisError):
            self._workers = await live_workers(self._redis)
            for worker in self._workers:
                self._served_at[worker.worker] = time.monotonic()

    def _look(self) -> dict[str, Standing]:
        self._states = {queue: self._queues.state(queue) for queue in Queue}
        return self._queues.standings(list(self._followed)) if self._followed else {}
