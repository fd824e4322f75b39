"""bfloat16 where a CPU is quicker in it; measured once."""

import pytest
import torch

from services.diffusion import loading, number_formats
from services.diffusion.loading import load, pass_s
from services.diffusion.measured import MeasuredFile
from services.diffusion.number_formats import certain_format, in_the_quicker_format
from services.diffusion.settings import DiffusionSettings


@pytest.fixture
def able(monkeypatch):
    """A CPU that computes in both."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


@pytest.mark.parametrize(("bfloat16_s", "dtype"), [(0.5, "bfloat16"), (0.95, "float32"), (1.5, "float32")])
def test_bfloat16_is_chosen_where_it_is_clearly_quicker_and_the_choice_stays(tmp_path, bfloat16_s, dtype):
    file = MeasuredFile(tmp_path / "painter.json")
    took = {torch.float32: 1.0, torch.bfloat16: bfloat16_s}
    assert in_the_quicker_format(file, "a", lambda dtype: dtype, took.__getitem__) == getattr(torch, dtype)
    assert in_the_quicker_format(file, "a", lambda dtype: dtype, {}.__getitem__) == getattr(torch, dtype)


def test_a_large_painter_is_not_loaded_twice_for_it(able, monkeypatch):
    assert certain_format(10) is None
    monkeypatch.setattr(number_formats, "LARGE", 9)
    assert certain_format(10) == torch.bfloat16


def test_a_cpu_without_bfloat16_paints_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert certain_format(10) == torch.float32


@pytest.mark.parametrize("quicker", ["float32", "bfloat16"])
def test_a_painter_comes_in_the_format_that_was_measured(able, sana_folder, tmp_path, monkeypatch, quicker):
    took = lambda model: 1.0 if model.usual.denoiser.network.dtype == getattr(torch, quicker) else 2.0  # noqa: E731
    monkeypatch.setattr(loading, "pass_s", took)
    settings = DiffusionSettings(diffusion_model=sana_folder, data=tmp_path)
    measured = load(settings)
    assert measured.usual.denoiser.network.dtype == getattr(torch, quicker)
    assert measured.prompts.towers.tower.dtype == getattr(torch, quicker)
    monkeypatch.setattr(loading, "pass_s", None)
    assert load(settings).identity == measured.identity


def test_a_pass_is_timed_and_leaves_the_threads_as_they_were(sana):
    threads = torch.get_num_threads()
    assert pass_s(sana.model) > 0
    assert torch.get_num_threads() == threads
