"""`python -m bench.quick_worker`: a painter without a model, whose picture is there after a millisecond, or as many
seconds as BENCH_SERVICE_S says.

All of it is the real worker's code, but for what paints.
"""

import os
import time
from collections.abc import Iterator

from shared.jobs import GeneratedImage, GenerateImage, Job, JobKind
from shared.process_log import set_up_logging
from workers.job_run import Happening
from workers.process import Work, serve
from workers.settings import WorkerSettings

SERVICE = "BENCH_SERVICE_S"
SIDE = 8


def paint(job: Job) -> Iterator[Happening]:
    assert isinstance(job.input, GenerateImage)
    seconds = float(os.environ.get(SERVICE, "0.001"))
    time.sleep(seconds)
    size = dict.fromkeys(("width", "height", "native_width", "native_height"), SIDE)
    made = {"steps": 1, "guidance_scale": 1.0, "model": "none", "seconds": seconds}
    yield GeneratedImage(artifact=f"{job.input.seed:064x}.png", seed=job.input.seed, **size, **made)


def main() -> None:
    set_up_logging()
    serve(Work({JobKind.GENERATE_IMAGE: paint}, model="none", device="none"), WorkerSettings.from_environment())


if __name__ == "__main__":
    main()
