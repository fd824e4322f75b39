"""`/v1/queue` and `/v1/workers`: what waits, what runs, who works. Of other keys' jobs only numbers are told."""

import asyncio
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from redis.exceptions import RedisError

from orchestrator.api.health import CHECK_S, seen_workers
from orchestrator.records.queues import OpenJob, QueueState
from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.event_log import progress_of
from shared.jobs import Queue
from shared.presence import WorkerPresence, slots_of

router = APIRouter()
MOST_JOBS = 200


class QueueObject(BaseModel):
    """One queue now; spans of time are seconds."""

    queue: Queue
    waiting: int
    running: int
    oldest_s: float | None
    """How long the job has waited that has waited longest."""
    workers: int
    slots: int
    """How many jobs run side by side at most."""
    run_s: float | None
    """How long a job takes in a worker, as those did that were done last."""
    eta_s: float | None
    """When a job that is submitted now is likely to be done; null until one was measured, or where nobody works."""


class OpenJobObject(OpenJob):
    eta_s: float | None
    """Of a waiting job: in how many seconds it is likely to be done."""
    step: int | None
    """Of a running job: the last step that it told, and of how many; null where it has told none lately."""
    total: int | None


class QueueList(BaseModel):
    object: Literal["list"] = "list"
    data: list[QueueObject]
    jobs: list[OpenJobObject]
    """The asker's own that have not ended, the oldest first, 200 at most."""
    max_queued: int
    """How many of the asker's jobs may wait in one queue."""


class WorkerObject(WorkerPresence):
    running: int
    """How many jobs it runs now."""
    jobs: list[str]
    """Those of them that are the asker's."""


class WorkerList(BaseModel):
    object: Literal["list"] = "list"
    data: list[WorkerObject]


@router.get("/v1/queue")
async def get_queue(services: ServicesDep, owner: OwnerDep) -> QueueList:
    """The queues, and the asker's own jobs in them."""
    workers = await seen_workers(services)
    states = {queue: await asyncio.to_thread(services.queues.state, queue) for queue in Queue}
    own = await asyncio.to_thread(services.queues.open_jobs, owner, MOST_JOBS)
    steps = await _steps(services, [job.id for job in own if job.place is None])
    shown = [_shown(job, states[job.queue], slots_of(workers, job.queue), steps.get(job.id)) for job in own]
    data = [_queue(queue, state, workers) for queue, state in states.items()]
    return QueueList(data=data, jobs=shown, max_queued=services.settings.max_queued)


@router.get("/v1/workers")
async def list_workers(services: ServicesDep, owner: OwnerDep) -> WorkerList:
    """The workers that live, and what they do."""
    workers, held = await seen_workers(services), await asyncio.to_thread(services.queues.held)
    return WorkerList(data=[_worker(worker, held, owner) for worker in workers])


def _queue(queue: Queue, state: QueueState, workers: list[WorkerPresence]) -> QueueObject:
    slots = slots_of(workers, queue)
    eta = state.eta_s(state.waiting + 1, slots) if slots else None
    count = sum(worker.worker == queue for worker in workers)
    return QueueObject(queue=queue, **state.model_dump(), workers=count, slots=slots, eta_s=eta)


async def _steps(services: Services, job_ids: list[str]) -> dict[str, tuple[int, int]]:
    """How far running jobs are; without Redis nobody knows."""
    try:
        return await asyncio.wait_for(progress_of(services.redis, job_ids), CHECK_S)
    except (RedisError, OSError, TimeoutError):
        return {}


def _shown(job: OpenJob, state: QueueState, slots: int, step: tuple[int, int] | None) -> OpenJobObject:
    eta = state.eta_s(job.place, slots) if job.place is not None and slots else None
    done, total = step or (None, None)
    return OpenJobObject(**job.model_dump(), eta_s=eta, step=done, total=total)


def _worker(worker: WorkerPresence, held: dict[str, list[tuple[str, str]]], owner: str) -> WorkerObject:
    jobs = [job for holder, found in held.items() if worker.is_named(holder) for job in found]
    own = [job_id for job_id, whose in jobs if whose == owner]
    return WorkerObject(**worker.model_dump(), running=len(jobs), jobs=own)
