"""The record of all jobs, in SQL: SQLite in WAL mode on one machine, PostgreSQL beyond it.

Celery and Redis only carry wake-ups; what is true of a job is what stands here. A job is claimed by compare-and-set
with a lease; `attempt` is the fencing token, so of two workers that believe they hold a job only the newer commits.
Methods block (a few milliseconds) and may be called from any thread. Knows no broker and no HTTP.
"""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy import event
from sqlalchemy.engine import CursorResult

from shared.errors import ErrorRecord, JobCancelled, NotFound
from shared.jobs import Job, JobInput, JobOutput, JobStatus

metadata = sa.MetaData()
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("lease_until", sa.Double),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("output", sa.JSON),
    sa.Column("error", sa.JSON),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("deadline", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Column("sent_at", sa.Double),
    sa.Column("sends", sa.Integer, nullable=False),
    sa.Index("jobs_open", "status", "lease_until"),
)
input_adapter: TypeAdapter[JobInput] = TypeAdapter(JobInput)
output_adapter: TypeAdapter[JobOutput] = TypeAdapter(JobOutput)


class Hold(StrEnum):
    """What a worker's heartbeat learns about its job."""

    HELD = "held"
    CANCEL = "cancel"
    LOST = "lost"


def unheld(now: float) -> sa.ColumnElement[bool]:
    """True of open jobs that no worker holds: queued, or their holder's lease has run out."""
    orphaned = sa.and_(jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < now)
    return sa.or_(jobs.c.status == JobStatus.QUEUED, orphaned)


def open_engine(url: str) -> sa.Engine:
    """An engine whose SQLite connections use WAL, fsync every commit, and wait for a busy writer."""
    engine = sa.create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def set_pragmas(connection: Any, _record: object) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
                connection.execute(f"PRAGMA {pragma}").close()

    return engine


class Ledger:
    """All reads and writes of the jobs table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create_tables(self) -> None:
        metadata.create_all(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raises sqlalchemy.exc.SQLAlchemyError where the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def submit(self, job: Job) -> None:
        row = job.model_dump(mode="json") | {"kind": job.kind, "sends": 0}
        self._write(jobs.insert().values(row))

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
        if row is None:
            raise NotFound("There is no such job.")
        return job_of(row)

    def mark_sent(self, job_id: str) -> None:
        """A wake-up for the job went to the broker now."""
        self._write(jobs.update().where(jobs.c.id == job_id).values(sent_at=time.time(), sends=jobs.c.sends + 1))

    def claim(self, job_id: str, lease_s: float) -> Job | None:
        """Take the job if it is queued or its holder has gone silent. None: somebody else has it, or it has ended."""
        now = time.time()
        taken = {
            "status": JobStatus.RUNNING,
            "attempt": jobs.c.attempt + 1,
            "crashes": jobs.c.crashes + sa.case((jobs.c.status == JobStatus.RUNNING, 1), else_=0),
            "lease_until": now + lease_s,
            "started_at": sa.func.coalesce(jobs.c.started_at, now),
        }
        statement = jobs.update().where(jobs.c.id == job_id, unheld(now), jobs.c.deadline > now).values(taken)
        with self._engine.begin() as connection:
            row = connection.execute(statement.returning(jobs)).mappings().first()
        return None if row is None else job_of(row)

    def renew(self, job_id: str, attempt: int, lease_s: float) -> Hold:
        """Prolong the lease of this attempt, and learn whether to go on."""
        lease = {"lease_until": time.time() + lease_s}
        statement = jobs.update().where(*self._held(job_id, attempt)).values(lease).returning(jobs.c.cancel_requested)
        with self._engine.begin() as connection:
            row = connection.execute(statement).first()
        if row is None:
            return Hold.LOST
        return Hold.CANCEL if row.cancel_requested else Hold.HELD

    def finish(self, job_id: str, attempt: int, output: JobOutput) -> bool:
        """Commit the result. False: this attempt no longer holds the job, and nothing was changed."""
        return self._end(job_id, attempt, JobStatus.DONE, output=output.model_dump(mode="json"))

    def fail(self, job_id: str, attempt: int, error: ErrorRecord, status: JobStatus = JobStatus.FAILED) -> bool:
        """Commit a failure (or CANCELLED), fenced like finish()."""
        return self._end(job_id, attempt, status, error=error.model_dump())

    def cancel(self, job_id: str) -> Job:
        """End a queued job now; ask the holder of a running one to stop. A finished job stays as it is."""
        self.end_open(job_id, JobCancelled().record, JobStatus.CANCELLED)
        running = (jobs.c.id == job_id, jobs.c.status == JobStatus.RUNNING)
        self._write(jobs.update().where(*running).values(cancel_requested=True))
        return self.get(job_id)

    def end_open(self, job_id: str, error: ErrorRecord, status: JobStatus = JobStatus.FAILED) -> bool:
        """End a job that nobody holds: queued, or with an expired lease. False: it is held, or has ended."""
        now = time.time()
        values = {"status": status, "error": error.model_dump(), "finished_at": now, "lease_until": None}
        return self._write(jobs.update().where(jobs.c.id == job_id, unheld(now)).values(values)) == 1

    def list_unheld(self) -> list[tuple[Job, float | None, int]]:
        """Open jobs that nobody holds, oldest first, each with when its wake-up was last sent and how often."""
        wanted = sa.select(jobs).where(unheld(time.time())).order_by(jobs.c.created_at)
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).mappings().all()
        return [(job_of(row), row["sent_at"], row["sends"]) for row in rows]

    def _held(self, job_id: str, attempt: int) -> Sequence[sa.ColumnElement[bool]]:
        return jobs.c.id == job_id, jobs.c.attempt == attempt, jobs.c.status == JobStatus.RUNNING

    def _end(self, job_id: str, attempt: int, status: JobStatus, **values: object) -> bool:
        ended = values | {"status": status, "finished_at": time.time(), "lease_until": None}
        return self._write(jobs.update().where(*self._held(job_id, attempt)).values(ended)) == 1

    def _write(self, statement: sa.Insert | sa.Update) -> int:
        with self._engine.begin() as connection:
            result = connection.execute(statement)
        return result.rowcount if isinstance(result, CursorResult) else 0


def job_of(row: sa.RowMapping) -> Job:
    """A row as the envelope that the rest of the house knows."""
    own = {name: row[name] for name in Job.model_fields if name not in ("input", "output", "error")}
    return Job(
        **own,
        input=input_adapter.validate_python(row["input"]),
        output=row["output"] and output_adapter.validate_python(row["output"]),
        error=row["error"] and ErrorRecord.model_validate(row["error"]),
    )
