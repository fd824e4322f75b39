"""Pictures that are asked for directly, without a VLM: one job for each, side by side. Knows no HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from orchestrator.cancelling import cancel_job
from orchestrator.merging import merge
from orchestrator.wiring import Services
from shared.errors import DiptychError, error_of
from shared.events import JobEvent, JobFailed, TurnCompleted, TurnEvent, Usage
from shared.jobs import MAX_SEED, EditImage, GenerateImage, Job, new_job

Work = GenerateImage | EditImage


def series(work: Work, count: int) -> list[Work]:
    """The same work with one seed after the other, from its own on."""
    return [work.model_copy(update={"seed": (work.seed + number) % (MAX_SEED + 1)}) for number in range(count)]


async def paint(works: Sequence[Work], services: Services, owner: str) -> AsyncGenerator[TurnEvent, None]:
    """All that happens to the jobs; TurnCompleted is last. One that fails ends them all.

    Raises:
        DiptychError: why there is no picture.
    """
    jobs = [new_job(work, owner=owner, seconds=services.settings.job_s) for work in works]
    try:
        async for event in merge([_followed(job, services) for job in jobs]):
            yield event
    except DiptychError:
        await asyncio.gather(*(cancel_job(services.ledger, job.id) for job in jobs))
        raise
    yield TurnCompleted(usage=Usage())


async def _followed(job: Job, services: Services) -> AsyncGenerator[JobEvent, None]:
    async for event in services.dispatcher.run(job):
        if isinstance(event, JobFailed):
            raise error_of(event.error)
        yield event
