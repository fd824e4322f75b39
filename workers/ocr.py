"""`python -m workers.ocr`: the worker that finds text, reads it, and sets it."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Generator

from services.ocr.inspection import inspect
from services.ocr.reader import LineRead, Reader, ReadingProgress
from services.ocr.settings import OcrSettings
from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobLine, JobProgress
from shared.jobs import Box, Job, JobKind
from shared.process_log import set_up_logging
from shared.text_jobs import ReadText, TextRead
from shared.text_places import KEPT_AS, FindText, TextPlaces, kept_places
from shared.tracing import set_up_tracing
from workers.job_run import Happening, Perform
from workers.lettering import compose_text
from workers.metrics import WorkerMetrics
from workers.process import Work, serve
from workers.settings import WorkerSettings


def read_text(reader: Reader, store: ArtifactStore) -> Perform:
    """What a job of this kind is: read the picture and tell each line; what was read before is only looked up."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        work = job.input
        assert isinstance(work, ReadText)  # noqa: S101 - the queue's own kind
        started, name = time.perf_counter(), name_of(work.box, reader)
        if (known := store.derived(work.artifact, name)) is not None:
            read = TextRead.model_validate_json(known)
            yield read.model_copy(update={"seconds": time.perf_counter() - started})
            return
        for happening in reader.read(store.get(work.artifact), work.box):
            if isinstance(happening, LineRead):
                step = 1 + happening.number  # the search for text is the first
                yield JobLine(job_id=job.id, attempt=job.attempt, step=step, line=happening.line)
            elif isinstance(happening, ReadingProgress):
                yield JobProgress(job_id=job.id, attempt=job.attempt, step=happening.step, total=happening.total)
            else:
                if happening.complete:
                    store.derive(work.artifact, name, happening.model_dump_json().encode())
                yield happening

    return perform


def find_text(reader: Reader, store: ArtifactStore) -> Perform:
    """What a job of this kind is: look where text is, and keep it beside the picture, where others look first.

    Two orchestrators may ask for the same picture at the same time: the second is told what is kept.
    """

    def perform(job: Job) -> Generator[Happening, None, None]:
        work = job.input
        assert isinstance(work, FindText)  # noqa: S101 - the queue's own kind
        if (known := kept_places(store, work.artifact)) is not None:
            yield known
            return
        inspected = inspect(reader.models, store.get(work.artifact), reader.settings.ocr_detect_pixels)
        places = TextPlaces(engine=reader.models.name, **dataclasses.asdict(inspected))
        store.derive(work.artifact, KEPT_AS, places.model_dump_json().encode())
        yield places

    return perform


def performs(reader: Reader, store: ArtifactStore) -> dict[JobKind, Perform]:
    """How each kind of job is done on this queue."""
    return {
        JobKind.READ_TEXT: read_text(reader, store),
        JobKind.COMPOSE_TEXT: compose_text(reader, store),
        JobKind.FIND_TEXT: find_text(reader, store),
    }


def name_of(box: Box | None, reader: Reader) -> str:
    """Under which name a reading is kept: another region, engine or setting makes another."""
    made = json.dumps([box, reader.version])
    return f"text-{hashlib.sha256(made.encode()).hexdigest()[:32]}"


def main() -> None:
    set_up_logging()
    settings = WorkerSettings.from_environment()
    set_up_tracing("worker-ocr", settings)
    reader = Reader.from_settings(OcrSettings.from_environment())
    store = DirectoryArtifactStore(settings.artifact_folder)
    serve(
        Work(performs(reader, store), model=reader.models.name, device="cpu"),
        settings,
        WorkerMetrics(),
    )


if __name__ == "__main__":
    main()
