"""`/v1/jobs`: those that have ended, what became of one, and stopping it."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from orchestrator.api.conversations_schema import Limit, Order
from orchestrator.records.ended_jobs import EndedJob
from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.errors import Conflict, ErrorRecord, NotFound
from shared.jobs import GeneratedImage, Job, JobInput, JobKind, JobOutput, JobStatus, Queue

router = APIRouter()


class JobObject(BaseModel):
    """A job as its owner may see it; times are seconds since 1970."""

    id: str
    object: Literal["diptych.job"] = "diptych.job"
    kind: JobKind
    queue: Queue
    status: JobStatus
    attempt: int
    crashes: int
    crashes_alone: int
    cancel_requested: bool
    input: JobInput
    output: JobOutput | None
    url: str | None
    """Link to the picture that was made."""
    error: ErrorRecord | None
    created_at: float
    deadline: float
    started_at: float | None
    finished_at: float | None


class EndedJobList(BaseModel):
    object: Literal["list"] = "list"
    data: list[EndedJob]
    first_id: str | None
    last_id: str | None
    has_more: bool


async def own_job(job_id: str, services: Services, owner: str) -> Job:
    """The job, if it is the asker's own. Raises NotFound, for other people's too."""
    job = await asyncio.to_thread(services.ledger.get, job_id)
    if job.owner != owner:
        raise NotFound("There is no such job.")
    return job


def _shown(job: Job, services: Services) -> JobObject:
    made = job.output.artifact if isinstance(job.output, GeneratedImage) else None
    return JobObject(
        **{name: getattr(job, name) for name in JobObject.model_fields.keys() & Job.model_fields.keys()},
        kind=job.kind,
        queue=job.queue,
        url=None if made is None else services.links.link(made),
    )


@router.get("/v1/jobs")
async def list_jobs(
    *,
    services: ServicesDep,
    owner: OwnerDep,
    status: Literal["ended"] = "ended",
    after: str | None = None,
    limit: Annotated[Limit, Query()] = 20,
    order: Order = "desc",
) -> EndedJobList:
    """One's own jobs that have ended, by when they did, with how long each waited and ran.

    Those that have not ended are in `/v1/queue`.
    """
    data, more = await asyncio.to_thread(
        services.ended_jobs.page, owner, limit=limit, newest_first=order == "desc", after=after
    )
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return EndedJobList(data=data, first_id=first, last_id=last, has_more=more)


@router.get("/v1/jobs/{job_id}")
async def get_job(job_id: str, services: ServicesDep, owner: OwnerDep) -> JobObject:
    """A job: its input, state, attempts and result."""
    return _shown(await own_job(job_id, services, owner), services)


@router.post("/v1/jobs/{job_id}/cancel")
async def cancel_job(job_id: str, services: ServicesDep, owner: OwnerDep) -> JobObject:
    """Stop a job: at once if it waits, at its next step if it runs."""
    job = await own_job(job_id, services, owner)
    if job.status.final:
        raise Conflict(f"The job has ended already: it is {job.status}.")
    return _shown(await asyncio.to_thread(services.ledger.cancel, job_id), services)
