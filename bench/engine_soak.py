"""`python -m bench.engine_soak`: 10,000 requests of mixed kinds, cancels and failures through one engine.

Each picture is compared with what the same request gives alone. Memory is taken after each tenth.
"""

import argparse
import gc
import io
import random
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import torch
from PIL import Image

from bench.engine_models import small_unet
from bench.report import publish
from services.diffusion.alike import add_up_alike
from services.diffusion.happenings import Painted
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from shared.errors import DiptychError
from shared.jobs import EditImage, GenerateImage

AT_ONCE = 24
CANCELLED, FAILING = 0.1, 0.02
WARM_TENTHS = 2
"""Until then every kind has been painted many times in every company, and the allocator has its arenas."""
MOST_GROWTH = 0.02
SOURCE = "a" * 64 + ".png"
Work = GenerateImage | EditImage


def source() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(out, "PNG")
    return out.getvalue()


def kinds() -> list[Work]:
    """All kinds of requests, of few steps each."""
    made: list[Work] = []
    for seed in range(4):
        made += [
            GenerateImage(prompt="a cat", seed=seed, steps=2 + seed),
            GenerateImage(prompt="a red boat", negative_prompt="blue", seed=seed, steps=3, guidance_scale=5),
            GenerateImage(prompt="a dog", seed=seed, steps=2, width=80, height=64),
            EditImage(prompt="a green cat", seed=seed, steps=4, source=SOURCE, strength=0.6),
            EditImage(prompt="a blue cat", seed=seed, steps=3, source=SOURCE, box=(8, 8, 40, 40)),
        ]
    return made


class Soak:
    """Sends requests and counts what became of them."""

    def __init__(self, painter: Painter, seed: int) -> None:
        self._painter, self._source, self._random = painter, source(), random.Random(seed)
        self._kinds = kinds()
        self._alone = [self._paint(work) for work in self._kinds]
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def one(self, _number: int) -> None:
        with self._lock:
            kind, fate = self._random.randrange(len(self._kinds)), self._random.random()
        if fate < CANCELLED:
            self._count(self._cancelled(self._kinds[kind]))
        elif fate < CANCELLED + FAILING:
            self._count(self._failed(self._kinds[kind]))
        else:
            self._count("own" if self._paint(self._kinds[kind]) == self._alone[kind] else "another's")

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def _started(self, work: Work) -> Any:
        if isinstance(work, EditImage):
            return self._painter.edit(work, self._source, None)
        return self._painter.paint(work)

    def _paint(self, work: Work) -> bytes:
        *_, painted = self._started(work)
        assert isinstance(painted, Painted)
        return painted.png

    def _cancelled(self, work: Work) -> str:
        painting = self._started(work)
        next(painting)
        painting.close()
        return "cancelled"

    def _failed(self, work: Work) -> str:
        try:
            self._paint(work.model_copy(update={"loras": {"none": 1.0}}))
        except DiptychError:
            return "failed"
        return "lost"


def memory() -> float:
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    add_up_alike()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-soak-") as home:
        folder = small_unet(Path(home) / "unet")
        painter = Painter.from_settings(DiffusionSettings(diffusion_model=folder, data=Path(home)))
        soak, began = Soak(painter, options.seed), time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            tenths = []
            for _ in range(10):
                list(pool.map(soak.one, range(options.requests // 10)))
                tenths.append(memory())
        grown = tenths[-1] / tenths[WARM_TENTHS - 1] - 1
    figures = {
        "requests": options.requests,
        **{name: soak.counts[name] for name in ("own", "another's", "cancelled", "failed", "lost")},
        "answered": sum(soak.counts.values()),
        "left_in_flight": len(painter._flights),
        "memory_growth": round(grown, 4),
        "seconds": round(time.perf_counter() - began, 1),
        "threads": torch.get_num_threads(),
    }
    wrong = figures["another's"] + figures["lost"] + figures["left_in_flight"]
    figures["within_target"] = wrong == 0 and figures["answered"] == options.requests and grown < MOST_GROWTH
    publish("engine_soak", figures, [{"tenth": n, "MiB": round(mib, 1)} for n, mib in enumerate(tenths, 1)])


if __name__ == "__main__":
    main()
