"""The record of all jobs: what is true of a job is what stands here. Celery and Redis only carry wake-ups.

A job is claimed by compare-and-set with a lease; `attempt` is the fencing token, so of two workers that believe they
hold a job only the newer commits. Methods block (a few milliseconds) and may be called from any thread. Knows no
broker and no HTTP.
"""

import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import IntegrityError

from shared.errors import ErrorRecord, JobCancelled, NotFound, Overloaded
from shared.failpoints import failpoint
from shared.job_ends import end_jobs, ending
from shared.job_observer import JobObserver
from shared.job_table import ORDER, claiming, is_lost, is_waiting, job_of, jobs, submission
from shared.jobs import Job, JobOutput, JobStatus, Queue

FULL = "{} of your jobs for the {} worker are waiting already. Try again when some of them are done."


class Held(NamedTuple):
    """What the ledger says of a job that a worker holds."""

    attempt: int
    cancel_requested: bool
    reply_to: str | None


UNBOUNDED = 2**31 - 1
# Made once: putting them together takes longer than the database needs for them.
SUBMISSION, CLAIMING, CLAIMING_ONLY = submission(), claiming(), claiming(only=True)
HELD = (jobs.c.attempt, jobs.c.cancel_requested, jobs.c.reply_to)


class Ledger:
    """Submits jobs, and all that a worker does with one."""

    def __init__(self, engine: sa.Engine, observer: JobObserver | None = None) -> None:
        self._engine, self._observer = engine, observer or JobObserver()

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raises sqlalchemy.exc.SQLAlchemyError where the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def submit(self, job: Job, bound: int = UNBOUNDED) -> bool:
        """Put a job into its queue. False: one of that id is there already; only its events go elsewhere now.

        Raises:
            Overloaded: `bound` jobs of its owner wait in that queue.
        """
        row: dict[str, Any] = job.model_dump(mode="json") | {"kind": job.kind, "queue": job.queue, "bound": bound}
        with contextlib.suppress(IntegrityError):  # it is there already
            with self._engine.begin() as connection:
                new = connection.execute(SUBMISSION, row).first() is not None
                failpoint("submit.written")
            if new:
                failpoint("submit.committed")
                self._observer.submitted(job)
                return True
        if self._write(jobs.update().where(jobs.c.id == job.id).values(reply_to=job.reply_to)):
            return False
        raise Overloaded(FULL.format(bound, job.queue))

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
        if row is None:
            raise NotFound("There is no such job.")
        return job_of(row)

    def claim(
        self, queue: Queue, holder: str, lease_s: float, *, alone: bool = True, only: str | None = None
    ) -> Job | None:
        """Take the next job of a queue, in its fair order; None where there is none for this worker.

        Args:
            holder: this worker process, by a name that no other ever has.
            alone: nothing else runs in this process, so that the job may be one that must run alone. One that must
                is not passed over: where it is next and cannot be taken, nothing is.
            only: the id of the one job that is meant.
        """
        now = time.time()
        values = {"in_queue": queue, "now": now, "by": holder, "until": now + lease_s, "may_be_alone": alone}
        statement, values = (CLAIMING, values) if only is None else (CLAIMING_ONLY, values | {"only": only})
        with self._engine.begin() as connection:
            row = connection.execute(statement, values).mappings().first()
            failpoint("claim.written")
        if row is None:
            return None
        failpoint("claim.committed")
        job = job_of(row)
        self._observer.claimed(job)
        return job

    def must_run_alone(self, queue: Queue) -> bool:
        """Whether the next job of a queue is one that must run alone."""
        following = sa.select(jobs.c.alone).where(is_waiting(queue), jobs.c.deadline > time.time())
        with self._engine.connect() as connection:
            return bool(connection.execute(following.order_by(*ORDER).limit(1)).scalar())

    def held(self, holder: str) -> dict[str, Held]:
        """The jobs that a worker process holds, by id."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(jobs.c.id, *HELD).where(*_of_holder(holder))).all()
        return {row[0]: Held(*row[1:]) for row in rows}

    def renew(self, holder: str, lease_s: float) -> dict[str, Held]:
        """The same, with all their leases prolonged."""
        lease = jobs.update().where(*_of_holder(holder)).values(lease_until=time.time() + lease_s)
        with self._engine.begin() as connection:
            rows = connection.execute(lease.returning(jobs.c.id, *HELD)).all()
        return {row[0]: Held(*row[1:]) for row in rows}

    def finish(self, job_id: str, attempt: int, output: JobOutput) -> bool:
        """Commit the result. False: this attempt no longer holds the job, and nothing was changed."""
        return self._end(job_id, attempt, JobStatus.DONE, output=output)

    def fail(self, job_id: str, attempt: int, error: ErrorRecord, status: JobStatus = JobStatus.FAILED) -> bool:
        """Commit a failure (or CANCELLED), fenced like finish()."""
        return self._end(job_id, attempt, status, error=error)

    def hand_back(self, job_id: str, attempt: int) -> bool:
        """Give up a job without blame, for another worker to begin anew. Fenced like finish()."""
        waiting = {"status": JobStatus.QUEUED, "holder": None, "lease_until": None}
        return self._write(jobs.update().where(_is_held(job_id, attempt)).values(waiting)) == 1

    def cancel(self, job_id: str) -> Job:
        """End a waiting job now; ask the holder of a running one to stop. A finished job stays as it is."""
        self.end_open(job_id, JobCancelled().record, JobStatus.CANCELLED)
        running = (jobs.c.id == job_id, jobs.c.status == JobStatus.RUNNING)
        self._write(jobs.update().where(*running).values(cancel_requested=True))
        return self.get(job_id)

    def end_open(self, job_id: str, error: ErrorRecord, status: JobStatus = JobStatus.FAILED) -> bool:
        """End a job that nobody holds: waiting, or with an expired lease. False: it is held, or has ended."""
        unheld = sa.or_(jobs.c.status == JobStatus.QUEUED, is_lost(time.time()))
        which = sa.and_(jobs.c.id == job_id, unheld)
        return end_jobs(self._engine, ending(which), self._observer, status, error=error) != []

    def _end(
        self,
        job_id: str,
        attempt: int,
        status: JobStatus,
        output: JobOutput | None = None,
        error: ErrorRecord | None = None,
    ) -> bool:
        failpoint("commit.before")
        said = {"output": output, "error": error}
        held = {"held_id": job_id, "held_attempt": attempt}
        ended = end_jobs(self._engine, ENDING_HELD, self._observer, status, **said, by_worker=True, **held)
        failpoint("commit.committed")
        return ended != []

    def _write(self, statement: sa.Insert | sa.Update) -> int:
        with self._engine.begin() as connection:
            result = connection.execute(statement)
        return result.rowcount if isinstance(result, CursorResult) else 0


def _is_held(job_id: str | sa.BindParameter[str], attempt: int | sa.BindParameter[int]) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING)


def _of_holder(holder: str) -> Sequence[sa.ColumnElement[bool]]:
    return jobs.c.holder == holder, jobs.c.status == JobStatus.RUNNING


ENDING_HELD = ending(_is_held(sa.bindparam("held_id", type_=sa.String), sa.bindparam("held_attempt", type_=sa.Integer)))
