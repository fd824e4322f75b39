"""The life of one job in a worker: claim, heartbeat, events, cancel, commit.

A service is a generator that knows none of this: it yields what happens and, at last, the job's output. Whatever
goes wrong ends in the ledger as a failure with a sentence, or, where the lease was lost, in nothing at all.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from types import TracebackType
from typing import Protocol, Self

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from shared.errors import DeadlineExceeded, DiptychError, JobCancelled
from shared.events import JobEvent, JobFailed, JobFinished, JobPreview, JobProgress, JobStarted
from shared.jobs import GeneratedImage, Job, JobStatus, TextRead
from shared.ledger import Hold, Ledger

CHECK_EVERY_S = 0.2
log = logging.getLogger(__name__)

Happening = JobProgress | JobPreview | GeneratedImage | TextRead
Perform = Callable[[Job], Generator[Happening, None, None]]


class LeaseLost(Exception):
    """Another worker may hold the job now: stop, and change nothing."""


class Heartbeat:
    """Renews the lease of a claimed job from a thread of its own, so that a long step does not lose it."""

    def __init__(self, ledger: Ledger, job: Job, lease_s: float) -> None:
        self._ledger, self._job, self._lease_s = ledger, job, lease_s
        self._hold = Hold.HELD
        self._renewed_at = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """To be called between steps; asks the ledger at most every CHECK_EVERY_S.

        Raises:
            LeaseLost, JobCancelled, DeadlineExceeded: the reasons not to go on.
        """
        if time.monotonic() - self._renewed_at > CHECK_EVERY_S:
            self._renew()
        if self._hold is Hold.LOST or time.monotonic() - self._renewed_at > self._lease_s:
            raise LeaseLost
        if self._hold is Hold.CANCEL:
            raise JobCancelled
        if time.time() > self._job.deadline:
            raise DeadlineExceeded("The job took longer than it may. Ask for fewer steps or a smaller picture.")

    def _beat(self) -> None:
        while not self._stop.wait(self._lease_s / 3):
            self._renew()

    def _renew(self) -> None:
        try:
            self._hold = self._ledger.renew(self._job.id, self._job.attempt, self._lease_s)
            self._renewed_at = time.monotonic()
        except SQLAlchemyError as error:  # the lease still runs; the next beat may get through
            log.warning("the ledger did not answer a heartbeat of %s: %s", self._job.id, error)


class EventSink(Protocol):
    """Where events go: the event log, or a list in a test."""

    def append(self, event: JobEvent) -> None:
        """Raises redis.RedisError where the event cannot be sent."""
        ...


class JobRunner:
    """Runs jobs by id. One per worker process; `run` is called from many threads."""

    def __init__(self, ledger: Ledger, events: EventSink, lease_s: float) -> None:
        self._ledger, self._events, self._lease_s = ledger, events, lease_s

    def run(self, job_id: str, perform: Perform) -> None:
        """Claim the job, do it, commit its end. A job that is taken or ended already is left alone."""
        job = self._ledger.claim(job_id, self._lease_s)
        if job is None:
            log.info("%s is not free, nothing to do", job_id)
            return
        log.info("%s attempt %d started", job.id, job.attempt)
        self._emit(JobStarted(job_id=job.id, attempt=job.attempt))
        try:
            output = self._perform(job, perform)
            if self._ledger.finish(job.id, job.attempt, output):
                self._emit(JobFinished(job_id=job.id, output=output))
                log.info("%s attempt %d done in %.2f s", job.id, job.attempt, output.seconds)
        except LeaseLost:
            log.warning("%s attempt %d lost its lease; its result is dropped", job.id, job.attempt)
        except JobCancelled as error:
            self._fail(job, error, JobStatus.CANCELLED)
        except DiptychError as error:
            self._fail(job, error, JobStatus.FAILED)
        except Exception:
            log.exception("%s attempt %d failed", job.id, job.attempt)
            self._fail(job, DiptychError("The worker failed at this job. Its log has the details."), JobStatus.FAILED)

    def _perform(self, job: Job, perform: Perform) -> GeneratedImage | TextRead:
        """Drive the service; closing its generator is how a job stops between two steps."""
        with Heartbeat(self._ledger, job, self._lease_s) as heartbeat, closing(perform(job)) as happenings:
            for happening in happenings:
                heartbeat.check()
                if isinstance(happening, GeneratedImage | TextRead):
                    return happening
                self._emit(happening)
        raise RuntimeError("the service ended without a result")

    def _fail(self, job: Job, error: DiptychError, status: JobStatus) -> None:
        if self._ledger.fail(job.id, job.attempt, error.record, status):
            self._emit(JobFailed(job_id=job.id, error=error.record))
        log.info("%s attempt %d ended: %s", job.id, job.attempt, error.code)

    def _emit(self, event: JobEvent) -> None:
        """Best effort: without Redis nobody sees the progress, but the job's end still stands in the ledger."""
        try:
            self._events.append(event)
        except RedisError as error:
            log.warning("an event of %s could not be sent: %s", event.job_id, error)
