"""How many rows a batch should have: measured once for each network, shape and machine, and kept on disk.

Two things are found by running the network on noise. Where more rows stop making a row cheaper: there the batch is
full. And up to which size a row comes out with the very bits that it has when its picture is alone. Matrix kernels are
chosen by the sizes of their operands alone, never by what is in them, and a row's sums are added up in the order that
its kernel has; so sizes that agree in every bit of a forward pass over noise agree for every picture, on the same
machine with the same number of threads. `exact` uses only those, and pads nothing.
"""

import logging
from collections.abc import Sequence

import torch

from services.diffusion.families import Denoiser
from services.diffusion.measured import Capacity, MeasuredFile, fingerprint
from services.diffusion.passes import Passes
from services.diffusion.prompts import Conditioning
from services.diffusion.trials import FEW_ROWS, MOST_ROWS, Aside, Trial, quickest

WORTH_IT = 0.9
"""The smallest batch is chosen whose rows take at most the least time of all over this."""
ROUNDS = 3
PATIENCE = 10
"""No larger sizes are tried after so many in a row of which none made a row clearly cheaper than any before."""
CLEARLY_LESS = 0.98
WORTH_MORE_THREADS = 0.8
"""All cores are worth it where the time then is at most this share: other processes want cores too, and then each step
waits for its slowest thread."""
BUDGET_S = 20.0
"""No larger sizes are tried where the passes of all take longer."""
log = logging.getLogger(__name__)


class Capacities:
    """Those of one device. May be used from several threads; one measures at a time, beside the pictures that are being
    painted, which have most of the time (engine.py)."""

    def __init__(self, file: MeasuredFile, aside: Aside) -> None:
        self._file, self._aside = file, aside

    def known(self, key: str) -> Capacity | None:
        """Under `print_of`; None where it was not measured before."""
        return self._file.known(lambda known: known.capacities, key)

    def of(self, passes: Passes, row: Conditioning, shape: Sequence[int]) -> Capacity:
        """Measured now where it was not before. `row`: any prompt's. `shape`: channels × h × w of the latents."""
        key = print_of(passes.denoiser, row, shape)
        return self._file.remembered(
            lambda known: known.capacities, key, lambda: measured(Trial(passes, row, shape, self._aside))
        )

    def threads(self, passes: Passes, row: Conditioning, shape: Sequence[int]) -> int:
        """How many CPU threads the network is best given: one, or all where these are clearly faster."""
        most = torch.get_num_threads()
        key = print_of(passes.denoiser, row, shape)
        return self._file.remembered(
            lambda known: known.threads, key, lambda: self._aside(lambda: best_threads(passes, row, shape, most))
        )


def print_of(denoiser: Denoiser, row: Conditioning, shape: Sequence[int]) -> str:
    """A fingerprint of all that a capacity depends on, but not of the weights' values: kernels do not look at these."""
    network = denoiser.network
    inputs = {name: list(tensor.shape) for name, tensor in row.inputs.items()}
    return fingerprint(network.device, network.config, str(network.dtype), list(shape), inputs)


def measured(trial: Trial) -> Capacity:
    """Try batches of all sizes, in rounds, so that what else the machine does does not hit one size alone."""
    sizes = affordable(trial)
    for _ in range(ROUNDS - 1):
        for rows in sizes:
            trial.run(rows)
    row_s = {rows: trial.seconds[rows] / rows for rows in sizes}
    most = min(rows for rows in sizes if row_s[rows] <= min(row_s.values()) / WORTH_IT)
    alike = {lone: max(lone, largest_alike(trial, lone, most)) for lone in (1, 2)}
    log.info("a batch may have %d rows; alike are %s", most, alike)
    return Capacity(row_s=row_s, most_rows=most, alike=alike)


def affordable(trial: Trial) -> list[int]:
    """The sizes that pay and that there are time and memory for, each tried once (the first one twice, to warm up)."""
    spent, sizes, cheapest = trial.run(1), [], (1, float("inf"))
    for rows in range(1, MOST_ROWS + 1):
        try:
            took = trial.run(rows)
        except torch.OutOfMemoryError:
            break
        sizes.append(rows)
        spent += took
        if took / rows < CLEARLY_LESS * cheapest[1]:
            cheapest = rows, took / rows
        if rows - cheapest[0] >= PATIENCE or spent > BUDGET_S / ROUNDS:
            break
    trial.run(1)
    return sizes


def largest_alike(trial: Trial, lone: int, most: int) -> int:
    """Up to how many rows every batch of pictures of `lone` rows has the bits that each of them has alone."""
    alone = trial.alone(lone, most - most % lone)
    for rows in range(lone, most + 1, lone):
        if not trial.outputs[rows].equal(alone[:rows]):
            return rows - lone
    return most - most % lone


def best_threads(passes: Passes, row: Conditioning, shape: Sequence[int], most: int) -> int:
    """One, unless `most` take clearly less time for a batch of a few rows."""
    took = {threads: quickest(passes, row, shape, FEW_ROWS, threads) for threads in {1, most}}
    return most if took[most] < WORTH_MORE_THREADS * took[1] else 1
