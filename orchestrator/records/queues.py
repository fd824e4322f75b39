"""What the ledger says of whole queues: where each job stands, how long things take, what somebody has to mend.

Times are seconds. Methods block for milliseconds. Knows no broker.
"""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import sqlalchemy as sa

from shared.errors import ErrorRecord, JobCancelled
from shared.failpoints import failpoint
from shared.job_ends import end_jobs, ending
from shared.job_observer import JobEnd, JobObserver
from shared.job_table import IS_OPEN, ORDER, is_lost, is_waiting, jobs
from shared.jobs import Frozen, JobKind, JobStatus, Queue

MEASURED_BY = 20
"""How many of the jobs that were done last tell how long one takes."""
Condition = sa.ColumnElement[bool]


class Standing(Frozen):
    """Where a job is now."""

    status: JobStatus
    place: int | None = None
    """Of a waiting job: 1 is taken next."""


class QueueState(Frozen):
    """One queue now."""

    waiting: int
    running: int
    oldest_s: float | None
    """How long the job has waited that has waited longest."""
    run_s: float | None
    """How long a job takes in a worker: the median of those done last. None: none was done yet."""

    def eta_s(self, place: int, slots: int) -> float | None:
        """Seconds until a job at that place is likely to be done, where so many run side by side and the running ones
        have only begun. None where nothing was measured yet."""
        if self.run_s is None:
            return None
        rounds = (self.running + place - 1) // max(slots, 1) + 1
        return round(self.run_s * rounds, 1)


class OpenJob(Frozen):
    """A job that has not ended."""

    id: str
    kind: JobKind
    queue: Queue
    status: JobStatus
    attempt: int
    created_at: float
    place: int | None


class QueueRecords:
    """Reads and repairs of many jobs at a time."""

    def __init__(self, engine: sa.Engine, observer: JobObserver | None = None) -> None:
        self._engine, self._observer = engine, observer or JobObserver()

    def standings(self, job_ids: Sequence[str]) -> dict[str, Standing]:
        """Those that exist, by id."""
        with self._engine.connect() as connection:
            rows = connection.execute(STANDINGS, {"ids": job_ids})
            return {row.id: Standing(status=row.status, place=row.place) for row in rows}

    def open_jobs(self, owner: str, limit: int) -> list[OpenJob]:
        """An owner's own, the oldest first."""
        names = ("id", "kind", "queue", "status", "attempt", "created_at")
        wanted = sa.select(*(jobs.c[name] for name in names), _place()).where(jobs.c.owner == owner, IS_OPEN)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(jobs.c.created_at).limit(limit)).mappings().all()
        return [OpenJob.model_validate(dict(row)) for row in rows]

    def held(self) -> dict[str, list[tuple[str, str]]]:
        """What each worker process runs: ids and owners of jobs, by the process's name in the ledger."""
        wanted = sa.select(jobs.c.holder, jobs.c.id, jobs.c.owner).where(jobs.c.status == JobStatus.RUNNING)
        found: dict[str, list[tuple[str, str]]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(wanted.order_by(jobs.c.claimed_at)):
                found.setdefault(row.holder, []).append((row.id, row.owner))
        return found

    def state(self, queue: Queue) -> QueueState:
        of_queue = jobs.c.queue == queue
        counted = sa.select(jobs.c.status, sa.func.count(), sa.func.min(jobs.c.created_at)).where(of_queue, IS_OPEN)
        with self._engine.connect() as connection:
            counts = {row[0]: (row[1], row[2]) for row in connection.execute(counted.group_by(jobs.c.status))}
        waiting, since = counts.get(JobStatus.QUEUED, (0, None))
        running, _ = counts.get(JobStatus.RUNNING, (0, None))
        oldest = None if since is None else max(0.0, time.time() - since)
        return QueueState(waiting=waiting, running=running, oldest_s=oldest, run_s=self.run_s(queue))

    def run_s(self, queue: Queue) -> float | None:
        """How long a job takes in a worker, of those that people wait for; None where none was done yet."""
        took = sa.select(jobs.c.finished_at - jobs.c.claimed_at)
        done = took.where(jobs.c.queue == queue, jobs.c.status == JobStatus.DONE, jobs.c.kind != JobKind.FIND_TEXT)
        with self._engine.connect() as connection:
            newest = connection.execute(done.order_by(jobs.c.finished_at.desc()).limit(MEASURED_BY)).scalars().all()
        return median(newest) if newest else None

    def waiting_ids(self, queue: Queue, *, since_s: float, limit: int) -> list[str]:
        """Jobs that have been waiting for at least that long, in their order."""
        wanted = sa.select(jobs.c.id).where(is_waiting(queue), jobs.c.created_at < time.time() - since_s)
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(*ORDER).limit(limit)).scalars())

    def requeue_lost(self, error: ErrorRecord, max_crashes: int) -> list[str]:
        """Jobs whose holder fell silent wait again, and run alone from now on. Returns their ids.

        Only a crash while nothing else ran counts against a job: those with `max_crashes` of them end with `error`.
        """
        now = time.time()
        crashed_alone = jobs.c.crashes_alone + sa.case((jobs.c.alone, 1), else_=0)
        lost = is_lost(now)
        given_up = crashed_alone >= max_crashes
        ends = self._end(sa.and_(lost, jobs.c.cancel_requested), JobCancelled().record, JobStatus.CANCELLED)
        ends += self._end(sa.and_(lost, given_up), error, JobStatus.FAILED, crashes_alone=crashed_alone)
        for end in ends:
            self._observer.lost(end.kind, alone=end.alone)
        values = {
            "status": JobStatus.QUEUED,
            "holder": None,
            "lease_until": None,
            "alone": True,
            "crashes": jobs.c.crashes + sa.case((jobs.c.alone, 0), else_=1),
            "crashes_alone": crashed_alone,
        }
        with self._engine.begin() as connection:
            told = jobs.c.id, jobs.c.kind, jobs.c.crashes_alone
            rows = connection.execute(jobs.update().where(lost).values(values).returning(*told)).all()
            if rows:
                failpoint("reconcile.written")
        if rows:
            failpoint("reconcile.committed")
        for row in rows:  # after its first crash, which never counts, a job only crashes alone
            self._observer.lost(JobKind(row.kind), alone=row.crashes_alone > 0)
        return [row.id for row in rows]

    def end_late(self, error: ErrorRecord) -> None:
        """Jobs that wait past their deadline end with `error`."""
        self._end(sa.and_(jobs.c.status == JobStatus.QUEUED, jobs.c.deadline < time.time()), error, JobStatus.FAILED)

    def _end(self, which: Condition, error: ErrorRecord, status: JobStatus, **values: Any) -> list[JobEnd]:
        return end_jobs(self._engine, ending(which, **values), self._observer, status, error=error)


def _place() -> sa.Label[int | None]:
    """Where a waiting job stands: how many are taken before it, and one."""
    ahead = jobs.alias()
    before = sa.tuple_(*(ahead.c[column.name] for column in ORDER)) <= sa.tuple_(*ORDER)
    queued = (ahead.c.queue == jobs.c.queue, ahead.c.status == JobStatus.QUEUED)
    count = sa.select(sa.func.count()).select_from(ahead).where(*queued, before).correlate(jobs).scalar_subquery()
    return sa.case((jobs.c.status == JobStatus.QUEUED, count)).label("place")


STANDINGS = sa.select(jobs.c.id, jobs.c.status, _place()).where(jobs.c.id.in_(sa.bindparam("ids", expanding=True)))
"""Made once: putting it together takes longer than the database needs for it."""
