"""The record of jobs that have ended: an owner's own, in pages, with how long each waited and ran.

Methods block for milliseconds. Knows no broker and no HTTP.
"""

import sqlalchemy as sa

from orchestrator.records.paging import page_of
from shared.errors import ErrorRecord, NotFound
from shared.job_table import jobs
from shared.jobs import Frozen, JobKind, JobStatus, Queue

UNKNOWN = "There is no such job that has ended. It may still wait or run, or the id is misspelt."


ORDER = (jobs.c.finished_at, jobs.c.id)
NAMES = ("id", "kind", "queue", "status", "attempt", "error", "created_at", "claimed_at", "finished_at")
SHOWN = sa.select(*(jobs.c[name] for name in NAMES))


class EndedJob(Frozen):
    """A job that has ended. Moments are seconds since 1970, spans seconds."""

    id: str
    kind: JobKind
    queue: Queue
    status: JobStatus
    attempt: int
    error: ErrorRecord | None
    created_at: float
    finished_at: float
    wait_s: float
    """Until a worker took it (the last one, where it was taken again); until it ended, where none ever did."""
    run_s: float | None
    """In that worker; null where it ended without one."""


class EndedJobs:
    """Reads; what ends jobs is the ledger."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def page(self, owner: str, *, limit: int, newest_first: bool, after: str | None) -> tuple[list[EndedJob], bool]:
        """At most `limit` of an owner's that follow `after` by when they ended, and whether more follow.

        Raises:
            NotFound: none of the owner's that have ended is called `after`.
        """
        ended = (jobs.c.owner == owner, jobs.c.finished_at.is_not(None))
        with self._engine.connect() as connection:
            place = None
            if after is not None:
                cursor = connection.execute(sa.select(*ORDER).where(*ended, jobs.c.id == after)).first()
                if cursor is None:
                    raise NotFound(UNKNOWN)
                place = (cursor.finished_at, cursor.id)
            wanted = page_of(SHOWN.where(*ended), ORDER, after=place, limit=limit, newest_first=newest_first)
            rows = connection.execute(wanted).mappings().all()
        return [_shown(row) for row in rows[:limit]], len(rows) > limit


def _shown(row: sa.RowMapping) -> EndedJob:
    values = dict(row)
    claimed, ended = values.pop("claimed_at"), row["finished_at"]
    wait_s = max(0.0, (ended if claimed is None else claimed) - row["created_at"])
    run_s = None if claimed is None else max(0.0, ended - claimed)
    return EndedJob(**values, wait_s=wait_s, run_s=run_s)
