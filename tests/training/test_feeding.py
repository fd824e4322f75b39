"""Batches from processes: endless, the same for the same seed, different between processes."""

import os
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest
import torch

from training.feeding import batches, processes_for


def numbered(rng: Random) -> Iterator[tuple[int, torch.Tensor]]:
    while True:
        yield os.getpid(), torch.tensor(rng.random())


@pytest.mark.parametrize("processes", [0, 2])
def test_batches_come_from_as_many_processes_and_are_the_same_again(processes):
    first = list(islice(batches(numbered, 5, processes), 8))
    again = list(islice(batches(numbered, 5, processes), 8))

    makers = {pid for pid, _ in first}
    assert len(makers) == max(1, processes)
    assert (os.getpid() in makers) == (processes == 0)
    assert [float(x) for _, x in first] == [float(x) for _, x in again]
    assert len({float(x) for _, x in first}) == 8


def test_a_cpu_keeps_its_cores_for_the_model():
    assert processes_for(torch.device("cpu")) == 0
    assert processes_for(torch.device("cuda")) >= 1
