"""`python -m workers.diffusion`: the worker that paints and edits."""

import base64
import dataclasses
import sys
from collections.abc import Generator

from services.diffusion.folder import FolderRefused
from services.diffusion.happenings import Painted, Preview, Step
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from services.gpu import gpu_memory
from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobPreview, JobProgress
from shared.jobs import EditImage, GeneratedImage, GenerateImage, Job, JobKind
from shared.process_log import set_up_logging
from shared.tracing import set_up_tracing
from workers.job_run import Happening, Perform
from workers.metrics import WorkerMetrics
from workers.painting_phases import StepTook, unheard, watched
from workers.process import Work, serve
from workers.settings import WorkerSettings


def generate_image(painter: Painter, store: ArtifactStore, step_took: StepTook) -> Perform:
    """What a job of this kind is: paint, tell each step, show previews, keep the picture."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        assert isinstance(job.input, GenerateImage)  # noqa: S101 - the queue's own kind
        for happening in watched(painter.paint(job.input, owner=job.owner, deadline=job.deadline), step_took):
            yield as_event(happening, job, store)

    return perform


def edit_image(painter: Painter, store: ArtifactStore, step_took: StepTook) -> Perform:
    """What a job of this kind is: load source and mask, then as for a new picture."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        work = job.input
        assert isinstance(work, EditImage)  # noqa: S101 - the queue's own kind
        mask = None if work.mask is None else store.get(work.mask)
        painting = painter.edit(work, store.get(work.source), mask, owner=job.owner, deadline=job.deadline)
        for happening in watched(painting, step_took):
            yield as_event(happening, job, store)

    return perform


def performs(painter: Painter, store: ArtifactStore, step_took: StepTook = unheard) -> dict[JobKind, Perform]:
    """How each kind of job is done that a painter can do."""
    return {
        JobKind.GENERATE_IMAGE: generate_image(painter, store, step_took),
        JobKind.EDIT_IMAGE: edit_image(painter, store, step_took),
    }


def as_event(happening: Step | Preview | Painted | None, job: Job, store: ArtifactStore) -> Happening:
    if happening is None:
        return None
    if isinstance(happening, Step):
        return JobProgress(job_id=job.id, attempt=job.attempt, step=happening.step, total=happening.total)
    if isinstance(happening, Preview):
        jpeg = base64.b64encode(happening.jpeg).decode()
        return JobPreview(job_id=job.id, attempt=job.attempt, step=happening.step, jpeg_base64=jpeg)
    assert isinstance(job.input, GenerateImage | EditImage)  # noqa: S101 - the queue's own kinds
    values = dataclasses.asdict(happening)
    artifact = store.put(values.pop("png"), "image/png")
    return GeneratedImage(kind=job.input.kind, artifact=artifact, **values)


def main() -> None:
    set_up_logging()
    settings = WorkerSettings.from_environment()
    set_up_tracing("worker-diffusion", settings)
    try:
        painter = Painter.from_settings(DiffusionSettings.from_environment())
    except FolderRefused as refusal:
        sys.exit(f"The painter cannot be loaded: {refusal}")
    store, metrics = DirectoryArtifactStore(settings.artifact_folder), WorkerMetrics()
    metrics.watch_gpu(gpu_memory(painter.model.device))
    work = performs(painter, store, metrics.step_took)
    serve(Work(work, painter.model.name, str(painter.model.device)), settings, metrics)


if __name__ == "__main__":
    main()
