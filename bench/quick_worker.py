"""`python -m bench.quick_worker [diffusion|ocr]`: a worker without a model, done at once or after a set time.

All of it is the real worker's code but the service: a picture is one grey square, a text is one line.
"""

import argparse
import io
import time
from collections.abc import Generator, Mapping

from PIL import Image

from shared.artifacts import ArtifactStore, DirectoryArtifactStore
from shared.jobs import GeneratedImage, Job, JobKind, JobOutput
from shared.process_log import set_up_logging
from shared.text_jobs import ReadText, TextLine, TextRead
from workers.job_run import Perform
from workers.metrics import WorkerMetrics
from workers.process import Work, serve
from workers.settings import WorkerSettings

SIDE = 64
KINDS: Mapping[str, tuple[JobKind, ...]] = {
    "diffusion": (JobKind.GENERATE_IMAGE, JobKind.EDIT_IMAGE),
    "ocr": (JobKind.READ_TEXT,),
}


def perform(job: Job, store: ArtifactStore) -> Generator[JobOutput, None, None]:
    """What comes of a job, at once."""
    if isinstance(job.input, ReadText):
        line = TextLine(text="grey", box=(0, 0, SIDE, SIDE), confidence=0.9)
        yield TextRead(lines=(line,), width=SIDE, height=SIDE, engine="scripted", seconds=0)
        return
    png = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "grey").save(png, "PNG")
    picture = store.put(png.getvalue(), "image/png")
    size = {"width": SIDE, "height": SIDE, "native_width": SIDE, "native_height": SIDE}
    made = {"seed": job.input.seed, "steps": job.input.steps or 4, "guidance_scale": 1.0, "model": "scripted"}
    yield GeneratedImage(kind=job.kind, artifact=picture, seconds=0, **size, **made)


def performing(store: ArtifactStore, seconds: float) -> Perform:
    """The same, as a service that takes that long."""

    def perform_slowly(job: Job) -> Generator[JobOutput, None, None]:
        time.sleep(seconds)
        yield from perform(job, store)

    return perform_slowly


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", nargs="?", default="diffusion", choices=KINDS)
    parser.add_argument("--seconds", type=float, default=0.0, help="that each job takes")
    options = parser.parse_args()
    set_up_logging()
    settings = WorkerSettings.from_environment()
    does = performing(DirectoryArtifactStore(settings.artifact_folder), options.seconds)
    serve(Work(dict.fromkeys(KINDS[options.role], does), model="scripted", device="none"), settings, WorkerMetrics())


if __name__ == "__main__":
    main()
