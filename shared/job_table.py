"""The table of jobs, and the words in which questions about it are put. Knows no broker and no HTTP."""

import sqlalchemy as sa
from pydantic import TypeAdapter

from shared.database import metadata
from shared.errors import ErrorRecord
from shared.jobs import Job, JobInput, JobOutput, JobStatus

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("queue", sa.String(20), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("start_tag", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("crashes_alone", sa.Integer, nullable=False),
    sa.Column("alone", sa.Boolean, nullable=False),
    sa.Column("holder", sa.String(120)),
    sa.Column("lease_until", sa.Double),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("output", sa.JSON(none_as_null=True)),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("reply_to", sa.String(80)),
    sa.Column("trace", sa.String(80)),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("deadline", sa.Double, nullable=False),
    sa.Column("started_at", sa.Double),
    sa.Column("claimed_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Index("jobs_in_order", "queue", "status", "start_tag", "created_at", "id"),
    sa.Index("jobs_of_owner", "owner", "queue", "status"),
    sa.Index("jobs_leased", "status", "lease_until"),
    sa.Index("jobs_of_holder", "holder", "status"),
    sa.Index("jobs_ended", "queue", "status", "finished_at"),
    sa.Index("jobs_ended_of_owner", "owner", "finished_at", "id"),
)
IS_OPEN = jobs.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
"""True of jobs that have not ended."""
ORDER = (jobs.c.start_tag, jobs.c.created_at, jobs.c.id)
"""In which jobs of one queue are taken."""
input_adapter: TypeAdapter[JobInput] = TypeAdapter(JobInput)
output_adapter: TypeAdapter[JobOutput] = TypeAdapter(JobOutput)


def is_waiting(queue: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    return sa.and_(jobs.c.queue == queue, jobs.c.status == JobStatus.QUEUED)


def is_lost(now: float) -> sa.ColumnElement[bool]:
    """True of running jobs whose holder has gone silent."""
    return sa.and_(jobs.c.status == JobStatus.RUNNING, jobs.c.lease_until < now)


def start_tag(queue: sa.BindParameter[str], owner: sa.BindParameter[str]) -> sa.ColumnElement[int]:
    """Where a new job stands in its queue: start-time fair queueing (Goyal et al., SIGCOMM 1996), all jobs of one size.

    A key's jobs stand one behind the other, the first one beside what is being done now: so a key's first job waits
    for at most what is under way, however many of another's wait. Of equal tags the older goes first.
    """

    def tags(function: sa.ColumnElement[int], *conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
        return sa.select(function).where(jobs.c.queue == queue, *conditions)

    of_running = tags(sa.func.max(jobs.c.start_tag), jobs.c.status == JobStatus.RUNNING).scalar_subquery()
    of_waiting = tags(sa.func.min(jobs.c.start_tag), jobs.c.status == JobStatus.QUEUED).scalar_subquery()
    own = tags(sa.func.max(jobs.c.start_tag) + 1, jobs.c.owner == owner, IS_OPEN).scalar_subquery()
    now = sa.func.coalesce(of_running, of_waiting, 0)
    return sa.case((own > now, own), else_=now)


def submission() -> sa.Executable:
    """A job's row goes in, where fewer than `bound` of its owner's wait in its queue; parameters are its columns.

    One statement, so that nobody comes between the question and the answer. Returns the id of what went in.
    """
    columns = [column for column in jobs.c if column.name not in ("start_tag", "holder")]
    values = {column.name: sa.bindparam(column.name, type_=column.type) for column in columns}
    queue, owner = values["queue"], values["owner"]
    own = sa.select(sa.func.count()).where(is_waiting(queue), jobs.c.owner == owner).scalar_subquery()
    row = sa.select(*values.values(), start_tag(queue, owner)).where(own < sa.bindparam("bound", type_=sa.Integer))
    return jobs.insert().from_select([*values, "start_tag"], row).returning(jobs.c.id)


def claiming(*, only: bool = False) -> sa.Executable:
    """Its queue's next job becomes the holder's; with `only`, the one of that id. Returns its row.

    Parameters: in_queue, now, by (the holder), until (its lease), whether it `may_be_alone`; with `only`, that id.
    """
    queue, now = sa.bindparam("in_queue", type_=sa.String), sa.bindparam("now", type_=sa.Double)
    waiting = [is_waiting(queue), jobs.c.deadline > now]
    if only:
        waiting.append(jobs.c.id == sa.bindparam("only", type_=sa.String))
    # SKIP LOCKED: of several workers at once on PostgreSQL each takes another job. SQLite has one writer.
    following = sa.select(jobs.c.id).where(*waiting).order_by(*ORDER).limit(1).with_for_update(skip_locked=True)
    free = (jobs.c.id == following.scalar_subquery(), jobs.c.status == JobStatus.QUEUED)
    fits = sa.or_(sa.bindparam("may_be_alone", type_=sa.Boolean), jobs.c.alone.is_(False))
    values = {
        "status": JobStatus.RUNNING,
        "attempt": jobs.c.attempt + 1,
        "holder": sa.bindparam("by", type_=sa.String),
        "lease_until": sa.bindparam("until", type_=sa.Double),
        "started_at": sa.func.coalesce(jobs.c.started_at, now),
        "claimed_at": now,
    }
    return jobs.update().where(*free, fits).values(values).returning(jobs)


def job_of(row: sa.RowMapping) -> Job:
    """A row as the envelope that the rest of the house knows."""
    own = {name: row[name] for name in Job.model_fields if name not in ("input", "output", "error")}
    return Job(
        **own,
        input=input_adapter.validate_python(row["input"]),
        output=row["output"] and output_adapter.validate_python(row["output"]),
        error=row["error"] and ErrorRecord.model_validate(row["error"]),
    )
