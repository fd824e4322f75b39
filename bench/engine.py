"""`python -m bench.engine`: the painter's engine against diffusers' pipelines on the same weights.

For each model, in turn and again: 16 sequential calls of diffusers' pipeline (with one thread and with all, the better
counts), 16 concurrent requests in `throughput`, 16 in `exact`. Then what the engine adds to bare forward calls of the
same batch, what previews at every step cost, and how long pictures take under a load that arrives at random, against
one at a time.
"""

import argparse
import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.utils.logging import disable_progress_bar

from bench.engine_models import STEPS, small_dit, small_unet
from bench.report import publish
from services.diffusion.alike import add_up_alike
from services.diffusion.batch import Picture
from services.diffusion.engine import Engine, Watch
from services.diffusion.loaded import LoadedPainter
from services.diffusion.painter import Painter
from services.diffusion.prompts import Conditioning
from services.diffusion.requests import begun, planned
from services.diffusion.settings import DiffusionSettings
from shared.jobs import GenerateImage
from shared.settings import ROOT

REQUESTS = 16
SLOW_STEPS = 30
LOAD = 0.8
CALIBRATION = 20
"""Pictures whose mean time is what one takes to be served."""
PAIRS = 30
"""Of a forward pass and a step in the engine, and of pictures without and with previews."""
SETTINGS = ("throughput", "exact")
EMBEDDED = ROOT / "models" / "painter"
TARGETS = {"unet_0_8m": 5.0, "dit_2_9m": 2.5, "embedded": 1.15, "embedded_fast": 4.0}
ALL = torch.get_num_threads()


def request(seed: int, **values: Any) -> GenerateImage:
    return GenerateImage(prompt=f"an orange cat {seed}", seed=seed, **values)


def timed(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


@contextmanager
def threads(count: int) -> Iterator[None]:
    ours = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(ours)


class Ours:
    """One model's painters, which share its weights: for each setting one without previews."""

    def __init__(self, folder: Path, data: Path) -> None:
        self._settings = DiffusionSettings(diffusion_model=folder, data=data, diffusion_preview_every=0)
        self.model: LoadedPainter = Painter.from_settings(self._settings).model
        self.painters = {name: self.painter(name) for name in SETTINGS}
        self.painters["previews"] = self.painter("throughput", diffusion_preview_every=1)

    def painter(self, name: str, watch: Watch | None = None, **values: Any) -> Painter:
        """One more, in that setting."""
        changed = {"diffusion_reproducibility": name, **values}
        return Painter(self.model, self._settings.model_copy(update=changed), watch)

    def together(self, name: str, **values: Any) -> None:
        """Many requests at once, in that setting."""
        together(self.painters[name], REQUESTS, **values)


def together(painter: Painter, count: int, **values: Any) -> None:
    """So many requests at once, to their PNGs."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda seed: list(painter.paint(request(seed, **values))), range(count)))


def pipeline(folder: Path, kind: Any, model: LoadedPainter) -> Any:
    """diffusers' own, where our denoiser is and in its number format."""
    made = kind.from_pretrained(folder)
    made.set_progress_bar_config(disable=True)
    return made.to(model.device, model.usual.denoiser.network.dtype)


def peer(made: Any, model: LoadedPainter, steps: int, guidance: float) -> Callable[[], None]:
    """Sequential calls of a pipeline."""
    extra: dict[str, Any] = {}
    if isinstance(made, SanaPipeline):
        extra = {"use_resolution_binning": False, "complex_human_instruction": None}
    if isinstance(made, SanaPipeline | StableDiffusion3Pipeline):
        extra["max_sequence_length"] = model.prompts.towers.length
    side = model.canvas.side

    def call() -> None:
        for seed in range(REQUESTS):
            made(
                request(seed).prompt,
                width=side,
                height=side,
                num_inference_steps=steps,
                guidance_scale=guidance,
                generator=torch.Generator().manual_seed(seed),
                **extra,
            )

    return call


def against(ours: Ours, calls: Callable[[], None], rounds: int, **values: Any) -> dict[str, float]:
    """Median seconds of each way, taken in turn."""
    took: dict[str, list[float]] = {"peer, 1 thread": [], f"peer, {ALL} threads": [], **{name: [] for name in SETTINGS}}
    for number in range(-1, rounds):
        once = {}
        for name, count in (("peer, 1 thread", 1), (f"peer, {ALL} threads", ALL)):
            with threads(count):
                once[name] = timed(calls)
        for name in SETTINGS:
            once[name] = timed(lambda name=name: ours.together(name, **values))
        if number >= 0:
            for name, seconds in once.items():
                took[name].append(seconds)
    return {name: median(seconds) for name, seconds in took.items()}


def overhead(ours: Ours, name: str, rounds: int) -> float:
    """What a step costs in the engine beyond the forward pass of the same batch, as a share of that: the median of
    pairs, each of which is taken in the other order than the one before."""
    exact = name == "exact"
    painter, model = ours.painters[name], ours.model
    plan = planned(model, request(0, steps=STEPS), (model.canvas.side,) * 2)

    def pictures() -> list[Picture]:
        return [begun(model, painter._rooms, one, plan, None, exact=exact).picture for one in asked]

    asked = [request(0, steps=STEPS)]
    first = pictures()[0]
    asked = [request(seed, steps=STEPS) for seed in range(first.most_rows() // first.rows)]
    ratios = []
    for number in range(rounds):
        bare, full = partial(forward_passes, pictures()), partial(in_engine, pictures(), exact=exact)
        took = {way: way() for way in ((bare, full) if number % 2 else (full, bare))}
        ratios.append(took[full] / took[bare])
    return median(ratios) - 1


@torch.inference_mode()
def forward_passes(pictures: Sequence[Picture]) -> float:
    """Seconds of the network's calls alone."""
    prompts = [picture.prompt for picture in pictures]
    rows = Conditioning.cat([row for prompt in prompts for row in (prompt.positive, prompt.negative) if row])
    latents = torch.cat([picture.latents for picture in pictures for _ in range(picture.rows)])
    times = torch.full((len(latents),), 500.0)
    denoiser = pictures[0].passes.denoiser
    return timed(lambda: [denoiser.predict(latents, times, rows) for _ in range(STEPS)])


def in_engine(pictures: Sequence[Picture], *, exact: bool) -> float:
    """Seconds of the same number of steps in an engine."""
    with Engine(torch.device("cpu"), exact=exact) as engine:
        return timed(lambda: all_done(engine, pictures))


def all_done(engine: Engine, pictures: Sequence[Picture]) -> None:
    tickets = [engine.submit(picture) for picture in pictures]
    for ticket in tickets:
        for _ in ticket.follow(1):
            pass


def poisson(ours: Ours, arrivals: int) -> dict[str, float]:
    """Mean seconds from a request to its picture, at random arrivals: one at a time, and in the engine; and the `load`
    that one at a time really had, for a machine's speed is not what it was a minute ago."""
    painter = ours.painters["exact"]
    alone = mean(timed(lambda seed=seed: list(painter.paint(request(seed)))) for seed in range(CALIBRATION))
    pauses = [pause * alone for pause in typical_pauses(arrivals)]
    one, served = threading.Lock(), []

    def in_turn(seed: int) -> None:
        with one:
            served.append(timed(lambda: list(painter.paint(request(seed)))))

    ways: dict[str, Callable[[int], object]] = {"one at a time": in_turn}
    for name in SETTINGS:
        ways[name] = lambda seed, name=name: list(ours.painters[name].paint(request(seed)))
    waits = {name: mean(under_load(way, pauses)) for name, way in ways.items()}
    return waits | {"load": sum(served) / sum(pauses)}


def typical_pauses(arrivals: int) -> list[float]:
    """Random pauses between arrivals, in times that one takes to be served: the first ones whose mean time to finish,
    one at a time, is what theory says of this load (Pollaczek and Khinchine's formula), as that of few arrivals can be
    anything."""
    theory = 1 + LOAD / (2 * (1 - LOAD))
    for seed in itertools.count():
        chance = random.Random(seed)
        pauses = [chance.expovariate(LOAD) for _ in range(arrivals)]
        wait, waits = 0.0, []
        for pause in pauses:
            wait = max(0.0, wait - pause) + 1
            waits.append(wait)
        if abs(mean(waits) / theory - 1) < 0.02:
            return pauses
    raise AssertionError


def under_load(way: Callable[[int], object], pauses: list[float]) -> list[float]:
    with ThreadPoolExecutor(len(pauses)) as pool:
        futures = []
        for seed, pause in enumerate(pauses):
            time.sleep(pause)
            futures.append(pool.submit(timed, lambda seed=seed: way(seed)))
        return [future.result() for future in futures]


def preview_cost(ours: Ours, rounds: int) -> float:
    """The share of pictures per second that is lost where every step is shown."""
    shares = []
    for number in range(rounds):
        ways = ("throughput", "previews") if number % 2 else ("previews", "throughput")
        took = {way: timed(lambda way=way: ours.together(way, steps=STEPS)) for way in ways}
        shares.append(took["throughput"] / took["previews"])
    return 1 - median(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arrivals", type=int, default=100)
    options = parser.parse_args()
    add_up_alike()
    disable_progress_bar()
    figures: dict[str, Any] = {"requests": REQUESTS, "steps": STEPS}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="diptych-engine-") as home:
        models = {
            "unet_0_8m": (small_unet(Path(home) / "unet"), StableDiffusionPipeline),
            "dit_2_9m": (small_dit(Path(home) / "dit"), StableDiffusion3Pipeline),
            "embedded": (EMBEDDED, SanaPipeline),
        }
        for name, (folder, kind) in models.items():
            ours = Ours(folder, Path(home))
            made = pipeline(folder, kind, ours.model)
            cases = {name: (STEPS, STEPS, False)} | (
                {"embedded_fast": (SLOW_STEPS, None, True)} if ours.model.fast else {}
            )
            for case, (theirs, steps, fast) in cases.items():
                calls = peer(made, ours.model, theirs, ours.model.usual.guidance_scale)
                took = against(ours, calls, options.rounds, steps=steps, fast=fast)
                best = min(seconds for way, seconds in took.items() if way.startswith("peer"))
                for way, seconds in took.items():
                    rows.append({"model": case, "way": way, "pictures/s": REQUESTS / seconds, "x peer": best / seconds})
                figures[f"speedup_{case}"] = {way: round(best / took[way], 2) for way in SETTINGS}
            if name != "dit_2_9m":
                figures[f"overhead_{name}"] = {way: round(overhead(ours, way, PAIRS), 4) for way in SETTINGS}
                waits = poisson(ours, options.arrivals)
                ratios = {way: round(waits[way] / waits["one at a time"], 2) for way in SETTINGS}
                figures[f"poisson_{name}"] = ratios | {"load": round(waits["load"], 2)}
        figures["overhead"], figures["poisson_ratio"] = figures["overhead_embedded"], figures["poisson_embedded"]
        figures["preview_cost"] = round(preview_cost(ours, PAIRS), 4)
        figures["threads"] = torch.get_num_threads()
        figures["dtype"] = str(ours.model.usual.denoiser.network.dtype).removeprefix("torch.")
    reached = figures["overhead"]["throughput"] <= 0.03 and figures["poisson_ratio"]["throughput"] <= 0.6
    fast_enough = all(figures[f"speedup_{case}"]["throughput"] >= target for case, target in TARGETS.items())
    figures["within_target"] = reached and fast_enough and figures["preview_cost"] <= 0.01
    publish("engine", figures, rows)


if __name__ == "__main__":
    main()
