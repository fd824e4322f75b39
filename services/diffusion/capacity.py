"""How many rows a batch should have: measured once for each network, shape and machine, and kept on disk.

Two things are found by running the network on noise. Where more rows stop making a row cheaper: there the batch is
full. And up to which size a row comes out with the very bits that it has when its picture is alone. Matrix kernels are
chosen by the sizes of their operands alone, never by what is in them, and a row's sums are added up in the order that
its kernel has; so sizes that agree in every bit of a forward pass over noise agree for every picture, on the same
machine with the same number of threads. `exact` uses only those, and pads nothing.
"""

import hashlib
import json
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from services.diffusion.families import Denoiser
from services.diffusion.lane import settled
from services.diffusion.passes import NO_LORAS, Passes
from services.diffusion.prompts import Conditioning

MOST_ROWS = 32
WORTH_IT = 0.9
"""The smallest batch is chosen whose rows take at most the least time of all over this."""
ROUNDS = 3
PATIENCE = 6
"""No larger sizes are tried after so many in a row of which none made a row cheaper than any before."""
FEW_ROWS = 4
WORTH_MORE_THREADS = 0.8
"""All cores are worth it where the time then is at most this share: other processes want cores too, and then each step
waits for its slowest thread."""
BUDGET_S = 20.0
"""No larger sizes are tried where trying them all takes longer."""
T = TypeVar("T")
log = logging.getLogger(__name__)


class Aside(Protocol):
    """Runs something where the denoisers run, when no step is under way, and returns what it returns."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


class Capacity(BaseModel):
    """What was measured for one shape."""

    model_config = ConfigDict(frozen=True)

    row_s: dict[int, float]
    """Seconds per row, by rows of the batch."""
    most_rows: int
    """Beyond which more rows do not pay."""
    alike: dict[int, int]
    """By the rows of one picture (1, or 2 with guidance): the most rows up to which every batch of such pictures has
    the bits that it has alone."""


class Known(BaseModel):
    """What the file has, by fingerprints."""

    capacities: dict[str, Capacity] = {}
    threads: dict[str, int] = {}


class Capacities:
    """Those of one device, in a file. May be used from several threads; one measures at a time, and the pictures that
    are being painted take a step after each of its passes."""

    def __init__(self, file: Path, aside: Aside) -> None:
        self._file, self._aside = file, aside
        self._measuring = threading.Lock()
        self._known = self._read()

    def of(self, passes: Passes, row: Conditioning, shape: Sequence[int]) -> Capacity:
        """Measured now where it was not before. `row`: any prompt's. `shape`: channels × h × w of the latents."""
        key = fingerprint(passes.denoiser, row, shape)
        with self._measuring:
            if key not in self._known.capacities:
                found = self._known.capacities[key] = measured(Trial(passes, row, shape, self._aside))
                log.info("a batch of %s may have %d rows", "x".join(map(str, shape)), found.most_rows)
                self._write()
            return self._known.capacities[key]

    def threads(self, passes: Passes, row: Conditioning, shape: Sequence[int]) -> int:
        """How many CPU threads the network is best given: one, or all where these are clearly faster."""
        most = torch.get_num_threads()
        key = fingerprint(passes.denoiser, row, shape)
        with self._measuring:
            if key not in self._known.threads:
                self._known.threads[key] = self._aside(lambda: best_threads(passes, row, shape, most))
                self._write()
            return self._known.threads[key]

    def _read(self) -> "Known":
        if self._file.exists():
            try:
                return Known.model_validate_json(self._file.read_bytes())
            except ValidationError:
                log.warning("%s cannot be read; everything is measured anew", self._file)
        return Known()

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=self._file.parent, prefix=".new-", delete=False) as file:
            file.write(self._known.model_dump_json(indent=1))
        Path(file.name).replace(self._file)


def fingerprint(denoiser: Denoiser, row: Conditioning, shape: Sequence[int]) -> str:
    """Of all that a capacity depends on, but not of the values of the weights: kernels do not look at these."""
    network = denoiser.network
    on_gpu = network.device.type == "cuda"
    device = torch.cuda.get_device_name(network.device) if on_gpu else str(torch.cpu.get_capabilities())
    inputs = {name: list(tensor.shape) for name, tensor in row.inputs.items()}
    config = {name: str(value) for name, value in network.config.items() if not name.startswith("_")}
    about = (device, torch.__version__, torch.get_num_threads(), str(network.dtype), list(shape), inputs, config)
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def measured(trial: "Trial") -> Capacity:
    """Try batches of all sizes, in rounds, so that what else the machine does does not hit one size alone."""
    sizes = affordable(trial)
    for _ in range(ROUNDS - 1):
        for rows in sizes:
            trial.run(rows)
    row_s = {rows: trial.seconds[rows] / rows for rows in sizes}
    most = min(rows for rows in sizes if row_s[rows] <= min(row_s.values()) / WORTH_IT)
    alike = {lone: max(lone, largest_alike(trial, lone, most)) for lone in (1, 2)}
    return Capacity(row_s=row_s, most_rows=most, alike=alike)


def affordable(trial: "Trial") -> list[int]:
    """The sizes that pay and that there are time and memory for, each tried once (the first one twice, to warm up)."""
    began, sizes = time.monotonic(), []
    trial.run(1)
    for rows in range(1, MOST_ROWS + 1):
        try:
            trial.run(rows)
        except torch.OutOfMemoryError:
            break
        sizes.append(rows)
        cheapest = min(sizes, key=lambda each: trial.seconds[each] / each)
        if rows - cheapest >= PATIENCE or time.monotonic() - began > BUDGET_S / ROUNDS:
            break
    trial.seconds[1] = min(trial.seconds[1], trial.run(1))
    return sizes


def largest_alike(trial: "Trial", lone: int, most: int) -> int:
    """Up to how many rows every batch of pictures of `lone` rows has the bits that each of them has alone."""
    for rows in range(lone, most + 1, lone):
        if not trial.outputs[rows].equal(trial.alone(lone, rows)):
            return rows - lone
    return most - most % lone


def directly(work: Callable[[], T], /) -> T:
    """Where the caller's thread is the one that the denoisers run in."""
    return work()


def best_threads(passes: Passes, row: Conditioning, shape: Sequence[int], most: int) -> int:
    """One, unless `most` take clearly less time for a batch of a few rows. Leaves torch with what it had."""
    took: dict[int, float] = {}
    for threads in {1, most}:
        torch.set_num_threads(threads)
        trial = Trial(passes, row, shape, directly)
        took[threads] = min(trial.run(FEW_ROWS) for _ in range(2 * ROUNDS))
    torch.set_num_threads(most)
    return most if took[most] < WORTH_MORE_THREADS * took[1] else 1


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
        """A batch of the first rows. Returns the least seconds that such a one took."""
        self.outputs[rows], took = self._aside(lambda: self._predicted(0, rows))
        self.seconds[rows] = min(took, self.seconds.get(rows, took))
        return self.seconds[rows]

    def alone(self, lone: int, rows: int) -> Tensor:
        """The first rows, computed `lone` at a time."""
        passes = [lambda first=first: self._predicted(first, first + lone) for first in range(0, rows, lone)]
        return torch.cat([self._aside(one)[0] for one in passes])

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
