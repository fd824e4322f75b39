"""`python -m workers.diffusion`: the worker that paints."""

import base64
import sys
from collections.abc import Generator

from services.diffusion.engine import Painted, Painter, Preview, Step
from services.diffusion.folder import FolderRefused
from services.diffusion.settings import DiffusionSettings
from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobPreview, JobProgress
from shared.jobs import GeneratedImage, GenerateImage, Job, JobKind
from shared.process_log import set_up_logging
from workers.job_run import Happening, Perform
from workers.process import Work, serve
from workers.settings import WorkerSettings


def generate_image(painter: Painter, store: ArtifactStore) -> Perform:
    """What a job of this kind is: paint, tell each step, show previews, keep the picture."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        assert isinstance(job.input, GenerateImage)  # noqa: S101 - the queue's own kind
        for happening in painter.paint(job.input):
            yield as_event(happening, job, store)

    return perform


def as_event(happening: Step | Preview | Painted, job: Job, store: ArtifactStore) -> Happening:
    if isinstance(happening, Step):
        return JobProgress(job_id=job.id, attempt=job.attempt, step=happening.step, total=happening.total)
    if isinstance(happening, Preview):
        jpeg = base64.b64encode(happening.jpeg).decode()
        return JobPreview(job_id=job.id, attempt=job.attempt, step=happening.step, jpeg_base64=jpeg)
    return GeneratedImage(
        artifact=store.put(happening.png, "image/png"),
        width=happening.width,
        height=happening.height,
        native_width=happening.native_width,
        native_height=happening.native_height,
        seed=happening.seed,
        fast=happening.fast,
        steps=happening.steps,
        guidance_scale=happening.guidance_scale,
        model=happening.model,
        seconds=happening.seconds,
        tokens_dropped=happening.tokens_dropped,
        unknown_words=happening.unknown_words,
    )


def main() -> None:
    set_up_logging()
    settings = WorkerSettings.from_environment()
    try:
        painter = Painter.from_settings(DiffusionSettings.from_environment())
    except FolderRefused as refusal:
        sys.exit(f"The painter cannot be loaded: {refusal}")
    store = DirectoryArtifactStore(settings.artifact_folder)
    device = str(painter.model.device)
    serve(Work(JobKind.GENERATE_IMAGE, generate_image(painter, store), painter.model.name, device), settings)


if __name__ == "__main__":
    main()
