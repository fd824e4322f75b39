"""Forward passes over noise, to find out how long they take and whether their bits agree. Knows no requests."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from services.diffusion.lane import settled
from services.diffusion.passes import NO_LORAS, Passes
from services.diffusion.prompts import Conditioning

MOST_ROWS = 32
FEW_ROWS = 4
"""Of a batch as it often is."""
TRIES = 6
"""Passes of which the quickest counts, where nothing else is measured in turn with them."""
T = TypeVar("T")


class Aside(Protocol):
    """Runs something where the denoisers run, when no step is under way, and returns what it returns."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


def directly(work: Callable[[], T], /) -> T:
    """Where the caller's thread is the one that the denoisers run in."""
    return work()


class Trial:
    """Forward passes over noise, each row at a timestep of its own, without LoRAs."""

    def __init__(self, passes: Passes, row: Conditioning, shape: Sequence[int], aside: Aside) -> None:
        generator, device = torch.Generator().manual_seed(0), passes.denoiser.network.device
        self._passes, self._aside = passes, aside
        self._latents = torch.randn((MOST_ROWS, *shape), generator=generator).to(device)
        self._times = torch.linspace(990, 10, MOST_ROWS).to(device)
        self._rows = Conditioning.cat([row] * MOST_ROWS)
        self.seconds: dict[int, float] = {}
        """The least that a batch took, by its rows."""
        self.outputs: dict[int, Tensor] = {}

    def run(self, rows: int) -> float:
        """A batch of the first rows. Returns the seconds that it took."""
        self.outputs[rows], took = self._aside(lambda: self._predicted(0, rows))
        self.seconds[rows] = min(took, self.seconds.get(rows, took))
        return took

    def alone(self, lone: int, rows: int) -> Tensor:
        """The first rows, computed `lone` at a time."""
        passes = [lambda first=first: self._predicted(first, first + lone) for first in range(0, rows, lone)]
        return torch.cat([self._latents[:0], *(self._aside(one)[0] for one in passes)])

    @torch.inference_mode()
    def _predicted(self, first: int, last: int) -> tuple[Tensor, float]:
        """The network's output for these rows, and the seconds that it took."""
        inputs = {name: tensor[first:last] for name, tensor in self._rows.inputs.items()}
        given = NO_LORAS, self._latents[first:last], self._times[first:last], Conditioning(inputs)
        self._passes.prepare(*given)
        settled(self._latents.device)
        began = time.perf_counter()
        output = self._passes.predict(*given)
        settled(self._latents.device)
        return output, time.perf_counter() - began


def quickest(passes: Passes, row: Conditioning, shape: Sequence[int], rows: int, threads: int) -> float:
    """The least seconds of a pass of so many rows on so many CPU threads. Leaves torch with what it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        trial = Trial(passes, row, shape, directly)
        return min(trial.run(rows) for _ in range(TRIES))
    finally:
        torch.set_num_threads(before)
