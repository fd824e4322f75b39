"""`python -m bench.engine_gpu`: the painter's engine on a GPU, in the shapes of real models with random weights.

Stable Diffusion 1.5 at 512 pixels and XL at 1024 with guidance: the time of a forward pass by the rows of its batch,
kernel by kernel and from a recording; 16 requests at once against 16 sequential calls of diffusers' pipeline; what
previews cost; how soon a cancel frees its place; and how long the GPU waits between two steps. `--rehearse` runs all
of it on the CPU with tiny networks, whose figures mean nothing.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.utils.logging import disable_progress_bar

from bench.engine import REQUESTS, Ours, peer, pipeline, request, timed, together
from bench.engine_models import STEPS
from bench.real_shapes import stable_diffusion, stable_diffusion_xl
from bench.report import publish
from services.diffusion import engine
from services.diffusion.captures import cuda_graphs
from services.diffusion.happenings import Step
from services.diffusion.lane import Lane, Mark, settled
from services.diffusion.passes import NO_LORAS, Passes
from services.diffusion.prompts import Conditioning
from services.diffusion.requests import latent_shape

ROWS = (1, 2, 4, 8, 16)
TRIES = 10
LONG = 100
"""Steps of a picture that is given up."""


class Moment:
    """When a device, or a CPU, came to a place in its work."""

    def __init__(self, device: torch.device) -> None:
        self._at = time.perf_counter()
        self._event = torch.cuda.Event(enable_timing=True) if device.type == "cuda" else None
        if self._event is not None:
            self._event.record(torch.cuda.current_stream(device))

    def synchronize(self) -> None:
        if self._event is not None:
            self._event.synchronize()

    def ms_since(self, other: "Moment") -> float:
        if self._event is not None:
            return other._event.elapsed_time(self._event)
        return 1000 * (self._at - other._at)


class Watched:
    """When each step of an engine began and ended on the device, and how many rows it had."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.began: list[Moment] = []
        self.ended: list[Moment] = []
        self.rows: list[tuple[float, int]] = []

    def begins(self, rows: int) -> None:
        self.rows.append((time.perf_counter(), rows))
        self.began.append(Moment(self._device))

    def lane(self, device: torch.device) -> Lane:
        watched = self

        class WatchedLane(Lane):
            def mark(self) -> Mark:
                watched.ended.append(Moment(device))
                return watched.ended[-1]

        return WatchedLane(device)

    def idle(self) -> float:
        """The share of the time, from the first step to the last, in which the device waited for the next step."""
        gaps = [begin.ms_since(end) for end, begin in zip(self.ended, self.began[1:], strict=False)]
        return sum(gaps) / self.ended[-1].ms_since(self.began[0])

    def step_ms(self) -> float:
        return median(end.ms_since(begin) for begin, end in zip(self.began, self.ended, strict=True))


def watched(ours: Ours, work: Callable[[Any], object]) -> Watched:
    """What an engine does while `work` uses its painter."""
    seen = Watched(ours.model.device)
    usual, engine.Lane = engine.Lane, seen.lane  # pyright: ignore[reportAttributeAccessIssue]
    try:
        painter = ours.painter("throughput", watch=seen.begins)
    finally:
        engine.Lane = usual
    work(painter)
    painter.close()
    settled(ours.model.device)
    return seen


@torch.inference_mode()
def pass_ms(ours: Ours, rows: int, *, recorded: bool, guided: bool) -> tuple[float, float]:
    """Milliseconds of a forward pass, and seconds of what the first one takes beyond that."""
    model = ours.model
    record = cuda_graphs(model.device) if recorded and model.device.type == "cuda" else None
    passes = Passes(model.usual.passes.loras, record)
    shape = model.canvas.shape_for(model.canvas.side, model.canvas.side)
    row = model.prompts.encode("a cat", None, guidance_scale=5.0, shape=shape).positive
    count = rows * (2 if guided else 1)
    latents = torch.randn((count, *latent_shape(model, shape))).to(model.device)
    times = torch.linspace(900, 10, count).to(model.device)
    given = NO_LORAS, latents, times, Conditioning.cat([row] * count)
    first = timed(lambda: (passes.prepare(*given), settled(model.device)))
    passes.predict(*given)

    def once() -> float:
        began = Moment(model.device)
        passes.predict(*given)
        ended = Moment(model.device)
        ended.synchronize()
        return ended.ms_since(began)

    return median(once() for _ in range(TRIES)), first


def cancel_steps(ours: Ours) -> int:
    """Steps that are still taken together with a picture that nobody wants any more."""
    left = [0.0]

    def give_one_up(painter: Any) -> None:
        paintings = [painter.paint(request(seed, steps=LONG)) for seed in range(4)]
        for painting in paintings:
            next(painting)
        with closing(paintings[0]) as leaving:
            while not isinstance(next(leaving), Step):
                pass
        left[0] = time.perf_counter()
        for painting in paintings[1:]:
            while not (isinstance(step := next(painting), Step) and step.step >= LONG // 2):
                pass
            painting.close()

    steps = watched(ours, give_one_up).rows
    with_it = [rows for at, rows in steps if at <= left[0]][-1]
    after = [rows for at, rows in steps if at > left[0]]
    return len(list(takewhile(lambda rows: rows == with_it, after)))


def measured(folder: Path, kind: Any, home: Path, rounds: int, *, guided: bool) -> dict[str, Any]:
    """All figures of one model."""
    ours = Ours(folder, home)
    made = pipeline(folder, kind, ours.model)
    kernels = {rows: pass_ms(ours, rows, recorded=False, guided=guided) for rows in ROWS}
    recorded = {rows: pass_ms(ours, rows, recorded=True, guided=guided) for rows in ROWS}
    calls = peer(made, ours.model, STEPS, ours.model.usual.guidance_scale)
    took: dict[str, list[float]] = {"peer": [], "throughput": [], "exact": [], "previews": []}
    for _ in range(rounds):
        took["peer"].append(timed(calls))
        for way in ("throughput", "exact", "previews"):
            took[way].append(timed(partial(ours.together, way, steps=STEPS)))
    seconds = {way: median(all_) for way, all_ in took.items()}
    many = watched(ours, lambda painter: together(painter, REQUESTS, steps=STEPS))
    alone = watched(ours, lambda painter: together(painter, 1, steps=STEPS))
    return {
        "pass_ms": {rows: round(ms, 2) for rows, (ms, _) in kernels.items()},
        "pass_ms_recorded": {rows: round(ms, 2) for rows, (ms, _) in recorded.items()},
        "record_s": round(max(first for _, first in recorded.values()), 2),
        "step_ms": {"alone": round(alone.step_ms(), 2), "together": round(many.step_ms(), 2)},
        "idle": {"alone": round(alone.idle(), 4), "together": round(many.idle(), 4)},
        "speedup": {way: round(seconds["peer"] / seconds[way], 2) for way in ("throughput", "exact")},
        "preview_cost": round(1 - seconds["throughput"] / seconds["previews"], 4),
        "cancel_steps": cancel_steps(ours),
        "most_rows": max(count for _, count in many.rows),
    }


def table(found: dict[str, dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return [
        {"model": name, "rows": rows, "ms kernel by kernel": ms, "ms recorded": figures["pass_ms_recorded"][rows]}
        for name, figures in found.items()
        for rows, ms in figures["pass_ms"].items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if not (options.rehearse or torch.cuda.is_available()):
        parser.error("there is no GPU here; --rehearse shows whether all would run")
    disable_progress_bar()
    tiny, found = options.rehearse, {}
    with tempfile.TemporaryDirectory(prefix="diptych-engine-gpu-") as home:
        sd = stable_diffusion(Path(home), 64 if tiny else 512, tiny=tiny)
        found["sd15"] = measured(sd, StableDiffusionPipeline, Path(home), options.rounds, guided=False)
        xl = stable_diffusion_xl(Path(home), 64 if tiny else 1024, tiny=tiny)
        found["sdxl"] = measured(xl, StableDiffusionXLPipeline, Path(home), options.rounds, guided=True)
    if tiny:
        print(found)
        return
    reached = found["sd15"]["speedup"]["throughput"] >= 4 and found["sdxl"]["pass_ms_recorded"][1] <= 25
    idle = max(figures["idle"]["together"] for figures in found.values())
    name = torch.cuda.get_device_name()
    publish("engine_gpu", found | {"within_target": reached and idle <= 0.02}, table(found), gpu=name)


if __name__ == "__main__":
    main()
