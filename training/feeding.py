"""Endless batches, made in as many processes as keep an accelerator busy.

Knows processes. Does not know what a batch is.
"""

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

Batch = TypeVar("Batch")
MAX_PROCESSES = 12
PREFETCHED = 4
"""Batches that lie ready in each process."""


class Endless(IterableDataset[Any]):
    """What `stream` gives for random numbers that differ between processes."""

    def __init__(self, stream: Callable[[Random], Iterator[Any]], seed: int) -> None:
        self._stream, self._seed = stream, seed

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        yield from self._stream(Random(f"{self._seed} {worker.id if worker else 0}"))


def processes_for(device: torch.device) -> int:
    """On a CPU none: the cores have the model to compute. Beside an accelerator, most of the cores."""
    return 0 if device.type == "cpu" else max(1, min(MAX_PROCESSES, (os.cpu_count() or 2) - 2))


def batches(stream: Callable[[Random], Iterator[Batch]], seed: int, processes: int) -> Iterator[Batch]:
    """Batches of as many endless streams. `stream` must be picklable; the same arguments give the same batches."""
    prefetch = PREFETCHED if processes else None
    return iter(DataLoader(Endless(stream, seed), batch_size=None, num_workers=processes, prefetch_factor=prefetch))
