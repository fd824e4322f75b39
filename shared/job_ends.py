"""Ends jobs in the ledger's table and tells of it: the one statement that makes jobs final."""

import time
from typing import Any

import sqlalchemy as sa

from shared.errors import ErrorRecord
from shared.failpoints import failpoint
from shared.job_observer import JobEnd, JobObserver
from shared.job_table import jobs
from shared.jobs import GeneratedImage, JobKind, JobOutput, JobStatus

TOLD = (jobs.c.kind, jobs.c.owner, jobs.c.status, jobs.c.error, jobs.c.alone, jobs.c.claimed_at, jobs.c.finished_at)


def ending(which: sa.ColumnElement[bool], **values: Any) -> sa.Executable:
    """The statement that ends all jobs that a condition holds for, for `end_jobs`. `values`: what else it sets."""
    set_to = {
        "status": sa.bindparam("ends_as", type_=jobs.c.status.type),
        "finished_at": sa.bindparam("ends_at", type_=jobs.c.finished_at.type),
        "output": sa.bindparam("with_output", type_=jobs.c.output.type),
        "error": sa.bindparam("with_error", type_=jobs.c.error.type),
        "lease_until": None,
    }
    return jobs.update().where(which).values(set_to | values).returning(*TOLD)


def end_jobs(
    engine: sa.Engine,
    statement: sa.Executable,
    observer: JobObserver,
    status: JobStatus,
    *,
    output: JobOutput | None = None,
    error: ErrorRecord | None = None,
    by_worker: bool = False,
    **which: Any,
) -> list[JobEnd]:
    """End jobs in one transaction.

    Args:
        statement: `ending(...)`.
        by_worker: whether a worker ends the job that it holds, so that it was run until now.
        which: the parameters of the statement's condition.
    """
    said = {"with_output": output and output.model_dump(mode="json"), "with_error": error and error.model_dump()}
    with engine.begin() as connection:
        rows = connection.execute(statement, {"ends_as": status, "ends_at": time.time(), **said, **which}).all()
        if by_worker:
            failpoint("commit.written")
    looked_up = isinstance(output, GeneratedImage) and output.kept
    ends = [_end_of(row, by_worker=by_worker, looked_up=looked_up) for row in rows]
    for end in ends:
        observer.ended(end)
    return ends


def _end_of(row: Any, *, by_worker: bool, looked_up: bool) -> JobEnd:
    return JobEnd(
        kind=JobKind(row.kind),
        owner=row.owner,
        status=JobStatus(row.status),
        code=row.error["code"] if row.error else "",
        alone=row.alone,
        run_s=row.finished_at - row.claimed_at if by_worker and row.claimed_at is not None else None,
        looked_up=looked_up,
    )
