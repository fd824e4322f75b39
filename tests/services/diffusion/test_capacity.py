"""What is measured of a network: how many rows pay, and which batch sizes keep a row's bits."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from services.diffusion.capacity import Capacities, best_threads, measured
from services.diffusion.lora import LoraSet
from services.diffusion.measured import MeasuredFile
from services.diffusion.prompts import Conditioning
from services.diffusion.trials import MOST_ROWS, Trial, directly

ROW = Conditioning({"states": torch.zeros(1, 3)})
SHAPE = (2, 4, 4)


class Network:
    """Takes as long, and is as exact, as it is told to be by the number of rows."""

    def __init__(self, seconds: Any = lambda rows: 0.0, error: Any = lambda rows: 0.0) -> None:
        self.network = SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32, config={"layers": 2})
        self.calls = 0
        self._seconds, self._error = seconds, error
        self.denoiser = self

    def prepare(self, wanted: LoraSet, latents: Tensor, times: Tensor, conditioning: Conditioning) -> None:
        assert not wanted.weights

    def predict(self, wanted: LoraSet, latents: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        assert not wanted.weights
        assert len(times) == conditioning.rows == len(latents)
        self.calls += 1
        time.sleep(self._seconds(len(latents)))
        return latents + self._error(len(latents))


def test_rows_are_added_while_they_make_each_row_cheaper():
    flat_until_four = Network(seconds=lambda rows: 0.01 * max(1, rows / 4))
    assert measured(Trial(flat_until_four, ROW, SHAPE, directly)).most_rows == 4


def test_a_batch_is_never_larger_than_the_most():
    assert measured(Trial(Network(), ROW, SHAPE, directly)).most_rows <= MOST_ROWS


@pytest.mark.parametrize(
    ("classes", "alike"), [([1, 8, 16], {1: 1, 2: 8}), ([16], {1: 16, 2: 16}), ([2], {1: 2, 2: 2})]
)
def test_only_sizes_that_keep_every_bit_count_as_alike(classes, alike):
    """Sizes up to the same bound come from the same kernel."""
    error = lambda rows: next((bound for bound in classes if rows <= bound), 99) * 1e-3  # noqa: E731
    network = Network(seconds=lambda rows: 0.02 / rows, error=error)
    assert measured(Trial(network, ROW, SHAPE, directly)).alike == alike


def test_what_was_measured_is_not_measured_again_by_another_process(tmp_path):
    network = Network(seconds=lambda rows: 0.001)
    first = Capacities(MeasuredFile(tmp_path / "painter.json"), directly).of(network, ROW, SHAPE)
    calls = network.calls
    assert Capacities(MeasuredFile(tmp_path / "painter.json"), directly).of(network, ROW, SHAPE) == first
    assert network.calls == calls
    Capacities(MeasuredFile(tmp_path / "painter.json"), directly).of(network, ROW, (2, 8, 8))
    assert network.calls > calls


def test_a_broken_file_is_measured_anew(tmp_path):
    (tmp_path / "painter.json").write_text("{")
    assert Capacities(MeasuredFile(tmp_path / "painter.json"), directly).of(Network(), ROW, SHAPE).most_rows >= 1


def test_threads_are_one_unless_more_are_clearly_faster():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        scales = Network(seconds=lambda rows: 0.02 / torch.get_num_threads())
        stays = Network(seconds=lambda rows: 0.02)
        assert (best_threads(scales, ROW, SHAPE, 2), best_threads(stays, ROW, SHAPE, 2)) == (2, 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
