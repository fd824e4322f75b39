"""Pictures that are asked for directly, without a VLM: side by side. Knows no HTTP."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from orchestrator.cancelling import cancel_job
from orchestrator.lettering import paint_with_words
from orchestrator.merging import merge
from orchestrator.wanted_words import WantedWords
from orchestrator.wiring import Services
from shared.errors import DiptychError, error_of
from shared.events import JobEvent, JobFailed, TurnCompleted, TurnEvent, Usage
from shared.jobs import MAX_SEED, EditImage, GenerateImage, JobInput, new_job

Work = GenerateImage | EditImage


def series(work: Work, count: int) -> list[Work]:
    """The same work with one seed after the other, from its own on."""
    return [work.model_copy(update={"seed": (work.seed + number) % (MAX_SEED + 1)}) for number in range(count)]


async def paint(
    works: Sequence[Work], services: Services, owner: str, wanted: WantedWords | None = None
) -> AsyncGenerator[TurnEvent, None]:
    """All that happens to the jobs, with a PictureDone for each picture; TurnCompleted is last.

    One job that fails ends them all.

    Args:
        wanted: words that are set over each.

    Raises:
        DiptychError: why there is no picture.
    """
    jobs: list[str] = []

    async def run(work: JobInput) -> AsyncGenerator[JobEvent, None]:
        job = new_job(work, owner=owner, seconds=services.settings.job_s)
        jobs.append(job.id)
        async for event in services.dispatcher.run(job):
            if isinstance(event, JobFailed):
                raise error_of(event.error)
            yield event

    try:
        async for event in merge([paint_with_words(work, wanted, run) for work in works]):
            yield event
    except DiptychError:
        await asyncio.gather(*(cancel_job(services.ledger, job) for job in jobs))
        raise
    yield TurnCompleted(usage=Usage())
