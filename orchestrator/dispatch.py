"""A job to a worker, its events back. The ledger says how a job ended; events only say it sooner, and how it goes.

`JobDispatcher` is the seam: Celery in service, a direct call in tests.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import redis.asyncio
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.errors import WorkerUnavailable
from shared.event_log import EventReader
from shared.events import JobEvent, JobFailed, JobFinished, JobPreview, JobProgress, JobQueued, JobStarted
from shared.jobs import Job, JobStatus
from shared.ledger import Ledger
from shared.presence import live_workers

POLL_S = 1.0
log = logging.getLogger(__name__)


class JobDispatcher(Protocol):
    def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        """Submit the job and follow it to its end: JobQueued first, JobFinished or JobFailed last.

        Raises:
            WorkerUnavailable: no worker of its kind appeared in time; the job has been ended.
        """
        ...


def send(celery: Celery, ledger: Ledger, job: Job) -> bool:
    """Wake a worker up for the job. Blocks. False: the broker is away; the reconciler repeats it later."""
    try:
        celery.send_task(job.route.task, args=[job.id], queue=job.route.queue)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("no wake-up could be sent for %s: %s", job.id, error)
        return False
    ledger.mark_sent(job.id)
    return True


def ending(job: Job) -> JobEvent | None:
    """The last event of a job that has ended, as the ledger has it."""
    if job.output is not None:
        return JobFinished(job_id=job.id, output=job.output)
    if job.error is not None:
        return JobFailed(job_id=job.id, error=job.error)
    return None


class CeleryJobDispatcher:
    """Sends jobs through Celery and follows them through the event log and the ledger."""

    def __init__(
        self, celery: Celery, ledger: Ledger, events: EventReader, client: redis.asyncio.Redis, grace_s: float
    ) -> None:
        self._celery, self._ledger, self._events, self._redis = celery, ledger, events, client
        self._grace_s = grace_s

    async def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        async with self._events.follow(job.id) as queue:
            await asyncio.to_thread(self._ledger.submit, job)
            yield JobQueued(job_id=job.id, kind=job.kind)
            await asyncio.to_thread(send, self._celery, self._ledger, job)
            async for event in self._follow(job, queue):
                yield event

    async def _follow(self, job: Job, queue: "asyncio.Queue[JobEvent]") -> AsyncGenerator[JobEvent, None]:
        attempt = 0
        last_seen = time.monotonic()
        while True:
            event = await _next(queue)
            if isinstance(event, JobStarted | JobProgress | JobPreview):
                if event.attempt >= attempt:  # what a worker that lost its lease still says is not shown
                    attempt = event.attempt
                    yield event
                continue
            current = await asyncio.to_thread(self._ledger.get, job.id)
            end = ending(current)
            if end is not None:
                yield end
                return
            if current.status is not JobStatus.QUEUED or await self._served(job):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > self._grace_s:
                await self._give_up(job)

    async def _served(self, job: Job) -> bool:
        try:
            return any(worker.worker == job.route.worker for worker in await live_workers(self._redis))
        except RedisError:
            return False

    async def _give_up(self, job: Job) -> None:
        worker = job.route.worker
        error = WorkerUnavailable(
            f"No {worker} worker is running. Start one, or see `./diptych status`, then try again."
        )
        if await asyncio.to_thread(self._ledger.end_open, job.id, error.record):
            raise error


class InProcessDispatcher:
    """Has jobs done by a direct call instead of Celery and Redis: for tests, and for watching one request whole."""

    def __init__(self, ledger: Ledger, work: Callable[[str, Callable[[JobEvent], None]], None]) -> None:
        """`work(job_id, emit)` blocks until the job has ended in the ledger, as a worker's runner does."""
        self._ledger, self._work = ledger, work

    async def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        await asyncio.to_thread(self._ledger.submit, job)
        yield JobQueued(job_id=job.id, kind=job.kind)
        queue: asyncio.Queue[JobEvent | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def emit(event: JobEvent) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        async def work() -> None:
            try:
                await asyncio.to_thread(self._work, job.id, emit)
            finally:
                queue.put_nowait(None)

        working = asyncio.create_task(work())
        ended = False
        while (event := await queue.get()) is not None:
            ended = isinstance(event, JobFinished | JobFailed)
            yield event
        await working
        end = None if ended else ending(await asyncio.to_thread(self._ledger.get, job.id))
        if end is not None:  # somebody stopped it before it could begin
            yield end


async def _next(queue: "asyncio.Queue[JobEvent]") -> JobEvent | None:
    """The next event; None after POLL_S without one."""
    try:
        return await asyncio.wait_for(queue.get(), POLL_S)
    except TimeoutError:
        return None
