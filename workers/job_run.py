"""The life of one job in a worker: claim, events, cancel, commit.

A service is a generator that knows none of this: it yields what happens and, at last, the job's output. Whatever
goes wrong ends in the ledger as a failure with a sentence, or, where the lease was lost, in nothing at all.
"""

import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from typing import Protocol

from opentelemetry import trace

from shared.errors import DiptychError, JobCancelled
from shared.events import JobEvent, JobFailed, JobFinished, JobLine, JobPrepared, JobPreview, JobProgress, JobStarted
from shared.job_observer import JobObserver
from shared.jobs import AnyJobOutput, Job, JobKind, JobStatus, Queue
from shared.ledger import Ledger
from shared.process_log import named
from shared.tracing import mark_failed
from workers.door import Door
from workers.holds import HandedBack, Hold, Holds, LeaseLost
from workers.tracing import job_span

log = logging.getLogger(__name__)

Happening = JobPrepared | JobProgress | JobPreview | JobLine | AnyJobOutput | None
"""None: nothing has happened, but the service looks whether it should go on."""
Perform = Callable[[Job], Generator[Happening, None, None]]


class EventSink(Protocol):
    """Where events go: the event log, or a list in a test."""

    def append(self, stream: str, event: JobEvent) -> None:
        """Must not wait: a job's steps go on."""
        ...


class JobRunner:
    """Runs jobs. One per worker process; its methods are called from many threads."""

    def __init__(self, ledger: Ledger, events: EventSink, lease_s: float, observer: JobObserver | None = None) -> None:
        self._ledger, self._events, self._lease_s = ledger, events, lease_s
        self._observer = observer or JobObserver()
        self._holds, self._door = Holds(ledger, lease_s), Door()
        self._closed = False

    @property
    def inside(self) -> int:
        """How many jobs run now."""
        return self._door.inside

    def run_next(self, queue: Queue, performs: Mapping[JobKind, Perform]) -> None:
        """Claim the next job of a queue, do it, commit its end. Does nothing where none waits."""

        def claim(alone: bool) -> Job | None:
            if self._closed:
                return None
            return self._ledger.claim(queue, self._holds.holder, self._lease_s, alone=alone)

        def must_be_alone() -> bool:
            return not self._closed and self._ledger.must_run_alone(queue)

        with self._door.enter(claim, must_be_alone) as job:
            if job is not None:
                self._run(job, performs[job.kind])

    def run(self, job_id: str, perform: Perform) -> None:
        """The same for one certain job. One that is taken or has ended is left alone."""
        queue = self._ledger.get(job_id).queue
        job = self._ledger.claim(queue, self._holds.holder, self._lease_s, only=job_id)
        if job is not None:
            self._run(job, perform)

    def close(self) -> None:
        """Claim nothing more."""
        self._closed = True

    def hand_back(self) -> None:
        """Have all jobs end at their next step and wait for another worker."""
        self._holds.hand_back()

    def _run(self, job: Job, perform: Perform) -> None:
        with named(job_id=job.id), job_span(job), self._holds.hold(job) as hold:
            log.info("attempt %d started", job.attempt)
            emit = partial(self._emit, hold)
            emit(JobStarted(job_id=job.id, attempt=job.attempt))
            try:
                output = self._perform(job, perform, hold)
                if not self._ledger.finish(job.id, job.attempt, output):
                    raise LeaseLost
                emit(JobFinished(job_id=job.id, output=output))
                log.info("attempt %d done in %.2f s", job.attempt, output.seconds)
            except LeaseLost:
                log.warning("attempt %d lost its lease; its result is dropped", job.attempt)
                self._observer.dropped(job.kind, "lease_lost")
            except HandedBack:
                self._ledger.hand_back(job.id, job.attempt)
                log.info("attempt %d handed back", job.attempt)
                self._observer.dropped(job.kind, "handed_back")
            except JobCancelled as error:
                self._fail(job, error, emit, JobStatus.CANCELLED)
            except DiptychError as error:
                self._fail(job, error, emit)
            except Exception:
                log.exception("attempt %d failed", job.attempt)
                self._fail(job, DiptychError("The worker failed at this job. Its log has the details."), emit)

    def _perform(self, job: Job, perform: Perform, hold: Hold) -> AnyJobOutput:
        """Drive the service; closing its generator is how a job stops between two steps."""
        with closing(perform(job)) as happenings:
            for happening in happenings:
                hold.check()
                if isinstance(happening, AnyJobOutput):
                    return happening
                if happening is not None:
                    self._emit(hold, happening)
        raise RuntimeError("the service ended without a result")

    def _fail(
        self, job: Job, error: DiptychError, emit: Callable[[JobEvent], None], status: JobStatus = JobStatus.FAILED
    ) -> None:
        if self._ledger.fail(job.id, job.attempt, error.record, status):
            emit(JobFailed(job_id=job.id, error=error.record))
        mark_failed(trace.get_current_span(), error.code)
        log.info("attempt %d ended: %s", job.attempt, error.code)

    def _emit(self, hold: Hold, event: JobEvent) -> None:
        if hold.reply_to is not None:  # somebody follows it
            self._events.append(hold.reply_to, event)
