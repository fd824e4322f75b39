"""`python -m tests.faults.service`: a worker without a model. All of it is the real worker's code, but for a service
whose picture is a function of prompt and seed alone, made in a few steps of a few milliseconds.

Words of the prompt change how it behaves, as a bad input may change a model's: `slow` steps take 0.2 s, a `large`
picture has 12 MB, `crash` ends the process as SIGKILL does, in mid-job and at every attempt. Each run that begins is
noted in the data folder.
"""

import hashlib
import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.events import JobProgress
from shared.jobs import GeneratedImage, GenerateImage, Job, JobKind
from shared.process_log import set_up_logging
from workers.job_run import Happening, Perform
from workers.metrics import WorkerMetrics
from workers.process import Work, serve
from workers.settings import WorkerSettings

STEPS = 6
SIDE, LARGE_SIDE = 32, 2000
STEP_S, SLOW_STEP_S = 0.005, 0.2


class Run(NamedTuple):
    """A run of the service that began."""

    job_id: str
    attempt: int
    at: float
    """Seconds since 1970."""
    pid: int


class Runs:
    """The runs that began, in a file that any number of processes add to, also ones that are about to be killed."""

    def __init__(self, data: Path) -> None:
        self._path = data / "runs"

    def add(self, job: Job) -> None:
        line = f"{job.id} {job.attempt} {time.time()} {os.getpid()}\n".encode()
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, line)
        os.close(file)

    def all(self) -> list[Run]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [Run(job_id, int(attempt), float(at), int(pid)) for job_id, attempt, at, pid in map(str.split, lines)]


def picture_of(work: GenerateImage) -> bytes:
    """A PNG of noise."""
    side, file = LARGE_SIDE if "large" in work.prompt else SIDE, io.BytesIO()
    pixels = hashlib.shake_256(f"{work.seed} {work.prompt}".encode()).digest(side * side * 3)
    Image.frombytes("RGB", (side, side), pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def output_of(work: GenerateImage, store: ArtifactStore) -> GeneratedImage:
    """What a job's output must be, whatever happened on the way."""
    artifact, steps = store.put(picture_of(work), "image/png"), work.steps or STEPS
    size = dict.fromkeys(("width", "height", "native_width", "native_height"), SIDE)
    return GeneratedImage(
        artifact=artifact, **size, seed=work.seed, steps=steps, guidance_scale=1.0, model="none", seconds=0.0
    )


def perform_with(store: ArtifactStore, runs: Runs) -> Perform:
    def perform(job: Job) -> Iterator[Happening]:
        assert isinstance(job.input, GenerateImage)
        runs.add(job)
        words, total = job.input.prompt.split(), job.input.steps or STEPS
        for step in range(1, total + 1):
            time.sleep(SLOW_STEP_S if "slow" in words else STEP_S)
            if "crash" in words and step > total / 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield JobProgress(job_id=job.id, attempt=job.attempt, step=step, total=total)
        yield output_of(job.input, store)

    return perform


def main() -> None:
    set_up_logging()
    settings = WorkerSettings.from_environment()
    perform = perform_with(DirectoryArtifactStore(settings.artifact_folder), Runs(settings.data))
    serve(Work({JobKind.GENERATE_IMAGE: perform}, model="none", device="cpu"), settings, WorkerMetrics())


if __name__ == "__main__":
    main()
