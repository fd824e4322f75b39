"""A job to a worker, its events back. The ledger says how a job ended; events only say it sooner, and how it goes.

`JobDispatcher` is the seam: Celery in service, a direct call in tests.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from orchestrator.cancelling import to_its_end
from orchestrator.job_watch import JobWatch, News
from orchestrator.records.queues import QueueRecords, Standing
from orchestrator.waking import Waker
from shared.errors import WorkerUnavailable
from shared.event_log import EventReader
from shared.events import AttemptEvent, JobEvent, JobFailed, JobFinished, JobQueued
from shared.jobs import Job, JobStatus, Queue
from shared.ledger import Ledger
from shared.process_log import add_names
from shared.tracing import traceparent

POLL_S = 0.02


class JobDispatcher(Protocol):
    def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        """Submit the job and follow it to its end: JobQueued first, JobFinished or JobFailed last.

        One that was submitted before, under the same id, is followed as it is. Whoever is cancelled while submitting
        has submitted it by the time they are gone: then it is theirs to have it stopped.

        Raises:
            Overloaded: too many jobs of its owner wait.
            WorkerUnavailable: no worker of its kind appeared in time; the job has been ended.
        """
        ...

    async def is_served(self, queue: Queue) -> bool:
        """Whether a worker of the queue is there now."""
        ...


def _last(job: Job) -> JobEvent:
    """The last event of a job that has ended, as the ledger has it."""
    if job.output is not None:
        return JobFinished(job_id=job.id, output=job.output)
    assert job.error is not None  # noqa: S101 - an end is one or the other
    return JobFailed(job_id=job.id, error=job.error)


class CeleryJobDispatcher:
    """Has workers woken up through Celery, and follows jobs through the event log and the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        queues: QueueRecords,
        *,
        waker: Waker,
        events: EventReader[Standing],
        watch: JobWatch,
        bound: int,
        grace_s: float,
    ) -> None:
        """`bound`: jobs of one owner that may wait in one queue. `grace_s`: how long a job waits for any worker."""
        self._ledger, self._queues, self._waker = ledger, queues, waker
        self._events, self._watch = events, watch
        self._bound, self._grace_s = bound, grace_s

    async def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        add_names(job_id=job.id)
        with self._events.follow(job.id) as news, self._watch.follow(job.id, news):
            standing = await to_its_end(self._submit, job)
            yield self._queued(job, standing)
            news.put_nowait(standing)
            async for event in self._follow(job, news):
                yield event

    async def is_served(self, queue: Queue) -> bool:
        return await self._watch.is_served(queue)

    def _submit(self, job: Job) -> Standing:
        own = {"reply_to": self._events.stream, "trace": traceparent()}
        self._ledger.submit(job.model_copy(update=own), self._bound)
        self._waker.wake(job.queue, job.id)  # at once: the place is only told
        return self._queues.standings([job.id])[job.id]

    def _queued(self, job: Job, standing: Standing) -> JobQueued:
        eta_s = self._watch.eta_s(job.queue, standing.place)
        return JobQueued(job_id=job.id, kind=job.kind, place=standing.place, eta_s=eta_s)

    async def _follow(self, job: Job, news: "asyncio.Queue[News]") -> AsyncGenerator[JobEvent, None]:
        attempt, shown = 0, None
        while True:
            event = await news.get()
            if isinstance(event, AttemptEvent):
                if event.attempt >= attempt:  # what a worker that lost its lease still says is not shown
                    attempt = event.attempt
                    yield event
            elif isinstance(event, JobFinished | JobFailed):  # only said by whose commit won
                yield event
                return
            elif isinstance(event, Standing):
                if event.status.final:
                    yield _last(await asyncio.to_thread(self._ledger.get, job.id))
                    return
                if event.status is JobStatus.QUEUED:
                    await self._check_served(job)
                    if event != (shown or event):
                        yield self._queued(job, event)
                    shown = event

    async def _check_served(self, job: Job) -> None:
        """Raises WorkerUnavailable, with the job ended, where it has waited long enough for a worker to appear."""
        if self._watch.unserved_s(job.queue) <= self._grace_s:
            return
        error = WorkerUnavailable(
            f"No {job.queue} worker is running. Start one, or see `./diptych status`, then try again."
        )
        if await asyncio.to_thread(self._ledger.end_open, job.id, error.record):
            raise error


class InProcessDispatcher:
    """Has jobs done by a direct call instead of Celery and Redis: for tests, and for watching one request whole."""

    def __init__(self, ledger: Ledger, work: Callable[[str, Callable[[JobEvent], None]], None]) -> None:
        """`work(job_id, emit)` blocks until the job has ended in the ledger, as a worker's runner does."""
        self._ledger, self._work = ledger, work

    async def is_served(self, queue: Queue) -> bool:
        return True

    async def run(self, job: Job) -> AsyncGenerator[JobEvent, None]:
        own = {"reply_to": "here", "trace": traceparent()}
        await to_its_end(self._ledger.submit, job.model_copy(update=own))
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
        if not ended:  # it was done before, or somebody stopped it before it could begin
            while not (known := await asyncio.to_thread(self._ledger.get, job.id)).status.final:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)  # somebody else does it
            yield _last(known)
