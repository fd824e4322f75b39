"""`/v1/jobs/{id}`: what became of a job, and stopping it."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

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
