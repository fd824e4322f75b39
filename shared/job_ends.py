"""Ends jobs in the ledger's table and tells of it: the one statement that makes jobs final."""

import time
from typing import Any

import sqlalchemy as sa

from shared.failpoints import failpoint
from shared.job_observer import JobEnd, JobObserver
from shared.job_table import jobs
from shared.jobs import JobKind, JobStatus

TOLD = (jobs.c.kind, jobs.c.owner, jobs.c.status, jobs.c.error, jobs.c.alone, jobs.c.claimed_at, jobs.c.finished_at)


def end_jobs(
    engine: sa.Engine, which: sa.ColumnElement[bool], observer: JobObserver, *, by_worker: bool = False, **values: Any
) -> list[JobEnd]:
    """End all jobs that a condition holds for, in one transaction.

    Args:
        by_worker: whether a worker ends the job that it holds, so that it was run until now.
        values: `status`, and `output` or `error`.
    """
    ended = values | {"finished_at": time.time(), "lease_until": None}
    with engine.begin() as connection:
        rows = connection.execute(jobs.update().where(which).values(ended).returning(*TOLD)).all()
        if by_worker:
            failpoint("commit.written")
    ends = [_end_of(row, by_worker=by_worker) for row in rows]
    for end in ends:
        observer.ended(end)
    return ends


def _end_of(row: Any, *, by_worker: bool) -> JobEnd:
    return JobEnd(
        kind=JobKind(row.kind),
        owner=row.owner,
        status=JobStatus(row.status),
        code=row.error["code"] if row.error else "",
        alone=row.alone,
        run_s=row.finished_at - row.claimed_at if by_worker and row.claimed_at is not None else None,
    )
