"""`python -m workers.ocr`: the worker that reads text."""

from collections.abc import Generator

from services.ocr.reader import Reader, ReadingProgress
from services.ocr.settings import OcrSettings
from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobProgress
from shared.jobs import Job, JobKind, ReadText
from shared.process_log import set_up_logging
from shared.tracing import set_up_tracing
from workers.job_run import Happening, Perform
from workers.metrics import WorkerMetrics
from workers.process import Work, serve
from workers.settings import WorkerSettings


def read_text(reader: Reader, store: ArtifactStore) -> Perform:
    """What a job of this kind is: load the picture, read it, tell each step."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        assert isinstance(job.input, ReadText)  # noqa: S101 - the queue's own kind
        for happening in reader.read(store.get(job.input.artifact)):
            if isinstance(happening, ReadingProgress):
                yield JobProgress(job_id=job.id, attempt=job.attempt, step=happening.step, total=happening.total)
            else:
                yield happening

    return perform


def main() -> None:
    set_up_logging()
    settings = WorkerSettings.from_environment()
    set_up_tracing("worker-ocr", settings)
    reader = Reader.from_settings(OcrSettings.from_environment())
    store = DirectoryArtifactStore(settings.artifact_folder)
    serve(
        Work({JobKind.READ_TEXT: read_text(reader, store)}, model=reader.models.name, device="cpu"),
        settings,
        WorkerMetrics(),
    )


if __name__ == "__main__":
    main()
