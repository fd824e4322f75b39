"""`python -m workers.diffusion`: the worker that paints and edits."""

import base64
import dataclasses
import sys
from collections.abc import Generator, Iterator

from services.diffusion.alike import add_up_alike
from services.diffusion.folder import FolderRefused
from services.diffusion.happenings import Happening as Painting
from services.diffusion.happenings import Prepared, Preview, Step
from services.diffusion.painter import Painter
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from services.gpu import gpu_memory
from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobPrepared, JobPreview, JobProgress
from shared.jobs import Candidate, EditImage, GeneratedImage, GenerateImage, Job, JobKind
from shared.process_log import set_up_logging
from shared.tracing import set_up_tracing
from workers.job_run import Happening, Perform
from workers.kept_pictures import KeptPictures
from workers.metrics import WorkerMetrics
from workers.painting_phases import StepTook, unheard, watched
from workers.process import Work, serve
from workers.settings import WorkerSettings


def paint(painters: Painters, store: ArtifactStore, step_took: StepTook) -> Perform:
    """What a job of this queue is: look whether it was painted before; else paint, tell each step, show previews, and
    keep the picture."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        work = job.input
        assert isinstance(work, GenerateImage | EditImage)  # noqa: S101 - the queue's own kinds
        with painters.using(work.painter) as painter:
            kept = KeptPictures(store, f"{painter.model.identity} {painter.settings.diffusion_reproducibility}")
            if (known := kept.find(work)) is not None:
                yield known
                return
            for happening in watched(painting(painter, store, job), step_took):
                event = as_event(happening, job, store)
                if isinstance(event, GeneratedImage):
                    kept.keep(work, event)
                yield event

    return perform


def painting(painter: Painter, store: ArtifactStore, job: Job) -> Iterator[Painting]:
    """What the painter does for a job."""
    work, whose = job.input, {"owner": job.owner, "deadline": job.deadline}
    if isinstance(work, EditImage):
        mask = None if work.mask is None else store.get(work.mask)
        return painter.edit(work, store.get(work.source), mask, **whose)
    assert isinstance(work, GenerateImage)  # noqa: S101 - the queue's own kinds
    return painter.paint(work, **whose)


def performs(painters: Painters, store: ArtifactStore, step_took: StepTook = unheard) -> dict[JobKind, Perform]:
    """How each kind of job is done that painters can do."""
    perform = paint(painters, store, step_took)
    return {JobKind.GENERATE_IMAGE: perform, JobKind.EDIT_IMAGE: perform}


def as_event(happening: Painting, job: Job, store: ArtifactStore) -> Happening:
    if happening is None:
        return None
    if isinstance(happening, Prepared):
        return JobPrepared(job_id=job.id, attempt=job.attempt, noise=happening.noise)
    if isinstance(happening, Step):
        return JobProgress(job_id=job.id, attempt=job.attempt, step=happening.step, total=happening.total)
    if isinstance(happening, Preview):
        jpeg = base64.b64encode(happening.jpeg).decode()
        return JobPreview(job_id=job.id, attempt=job.attempt, step=happening.step, jpeg_base64=jpeg)
    assert isinstance(job.input, GenerateImage | EditImage)  # noqa: S101 - the queue's own kinds
    values = {field.name: getattr(happening, field.name) for field in dataclasses.fields(happening)}
    artifact = store.put(values.pop("png"), "image/png")
    candidates = [
        Candidate(artifact=store.put(each.png, "image/png"), seed=each.seed, score=each.score)
        for each in values.pop("candidates")
    ]
    return GeneratedImage(kind=job.input.kind, artifact=artifact, candidates=tuple(candidates), **values)


def main() -> None:
    set_up_logging()
    add_up_alike()
    settings = WorkerSettings.from_environment()
    set_up_tracing("worker-diffusion", settings)
    metrics = WorkerMetrics()
    try:
        painters = Painters(DiffusionSettings.from_environment(), metrics.batch_stepped)
    except FolderRefused as refusal:
        sys.exit(f"The painter cannot be loaded: {refusal}")
    model = painters.usual.model
    metrics.watch_gpu(gpu_memory(model.device))
    work = performs(painters, DirectoryArtifactStore(settings.artifact_folder), metrics.step_took)
    serve(Work(work, model.name, str(model.device), threads=16), settings, metrics)


if __name__ == "__main__":
    main()
