"""`/v1/jobs/{id}`: what became of a job, and stopping it."""

import asyncio
from typing import Any

from fastapi import APIRouter

from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.errors import Conflict, NotFound
from shared.jobs import GeneratedImage, Job

router = APIRouter()


async def _own(job_id: str, services: Services, owner: str) -> Job:
    """The job, if it is the asker's own. Raises NotFound, for other people's too."""
    job = await asyncio.to_thread(services.ledger.get, job_id)
    if job.owner != owner:
        raise NotFound("There is no such job.")
    return job


def _shown(job: Job, services: Services) -> dict[str, Any]:
    shown = {"object": "diptych.job", "kind": job.kind, "queue": job.route.queue}
    shown |= job.model_dump(mode="json", exclude={"owner", "lease_until"})
    if isinstance(job.output, GeneratedImage):
        shown["url"] = services.links.link(job.output.artifact)
    return shown


@router.get("/v1/jobs/{job_id}")
async def get_job(job_id: str, services: ServicesDep, owner: OwnerDep) -> dict[str, Any]:
    """A job: its input, state, attempts and result."""
    return _shown(await _own(job_id, services, owner), services)


@router.post("/v1/jobs/{job_id}/cancel")
async def cancel_job(job_id: str, services: ServicesDep, owner: OwnerDep) -> dict[str, Any]:
    """Stop a job: at once if it waits, at its next step if it runs."""
    job = await _own(job_id, services, owner)
    if job.status.final:
        raise Conflict(f"The job has ended already: it is {job.status}.")
    return _shown(await asyncio.to_thread(services.ledger.cancel, job_id), services)
