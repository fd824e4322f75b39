"""A picture with words in it, as two jobs: the painter paints it without them, then they are set and read back.

Each job is durable by itself, and the painting without the words stays. Knows neither tools nor HTTP.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from orchestrator.wanted_words import WantedWords
from shared.events import JobEvent, JobFinished
from shared.jobs import EditImage, GeneratedImage, GenerateImage, JobInput
from shared.text_jobs import ComposeText, TextComposed

RunJob = Callable[[JobInput], AsyncGenerator[JobEvent, None]]
"""Runs a job and tells its events; JobFinished is the last."""


@dataclass(frozen=True)
class Made:
    """What came of it."""

    job_id: str
    """The painter's."""
    painted: GeneratedImage
    composed: TextComposed | None = None
    """None: no words were wanted."""

    @property
    def artifact(self) -> str:
        return self.composed.artifact if self.composed else self.painted.artifact


async def paint_with_words(
    work: GenerateImage | EditImage, wanted: WantedWords | None, run: RunJob
) -> AsyncGenerator[JobEvent | Made, None]:
    """The events of both jobs; Made is last. Raises what `run` raises."""
    made: Made | None = None
    async for event in run(work):
        yield event
        if isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
            made = Made(event.job_id, event.output)
    assert made is not None  # noqa: S101 - what it raises otherwise ends this
    if wanted is not None:
        async for event in run(setting(wanted, made.painted.artifact)):
            yield event
            if isinstance(event, JobFinished) and isinstance(event.output, TextComposed):
                made = replace(made, composed=event.output)
    yield made


def setting(wanted: WantedWords, painting: str) -> ComposeText:
    """The work of setting the words over a painting."""
    return ComposeText(source=painting, text=wanted.text, position=wanted.position, colour=wanted.colour)
