"""A picture with words in it, as two jobs: the painter paints it without them, then they are set and read back.

Each job is durable by itself, and the painting without the words stays. Knows neither tools nor HTTP.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from orchestrator.mask_room import largest_box
from orchestrator.wanted_words import NOTHING_LEFT, WantedWords
from shared.artifacts import ArtifactStore
from shared.events import JobEvent, JobFinished, PictureDone
from shared.imaging import open_mask
from shared.jobs import EditImage, GeneratedImage, GenerateImage, JobInput
from shared.text_jobs import ComposeText, TextComposed

RunJob = Callable[[JobInput], AsyncGenerator[JobEvent, None]]
"""Runs a job and tells its events; JobFinished is the last."""


async def paint_with_words(
    work: GenerateImage | EditImage, wanted: WantedWords | None, run: RunJob
) -> AsyncGenerator[JobEvent | PictureDone, None]:
    """The events of both jobs; PictureDone is last. Raises what `run` raises."""
    done: PictureDone | None = None
    async for event in run(work):
        yield event
        if isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
            done = PictureDone(job_id=event.job_id, painted=event.output)
    assert done is not None  # noqa: S101 - what it raises otherwise ends this
    if wanted is not None:
        async for event in run(setting(wanted, done.artifact)):
            yield event
            if isinstance(event, JobFinished) and isinstance(event.output, TextComposed):
                done = done.model_copy(update={"composed": event.output})
    yield done


def setting(wanted: WantedWords, painting: str) -> ComposeText:
    """The work of setting the words over a painting."""
    return ComposeText(
        source=painting, text=wanted.text, box=wanted.box, position=wanted.position, colour=wanted.colour
    )


def words_apart(
    work: EditImage, wanted: WantedWords | None, store: ArtifactStore
) -> tuple[EditImage, WantedWords | None]:
    """What of an edit is the painter's, and its words, inside of what may change. Blocks. Raises NotFound.

    No words also where an edit of a whole picture would be for nothing but words: what is left of its prompt would
    paint over all of it.
    """
    whole = work.mask is None and work.box is None
    if wanted is None or (whole and wanted.rest == NOTHING_LEFT):
        return work, None
    box = work.box if work.mask is None else largest_box(open_mask(store.get(work.mask)))
    return work.model_copy(update={"prompt": wanted.rest}), replace(wanted, box=box)
