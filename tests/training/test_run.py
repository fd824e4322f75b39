"""The shared training loop: resuming, stopping, and what it refuses."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from training.muon import MuonAdamW, muon_groups, orthogonalised
from training.run import Run, RunOptions


def make_run(*, resume: bool = False) -> Run:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = MuonAdamW(muon_groups(model, 1e-2, 0.0, ("2.",)))
    return Run("test", model, optimizer, RunOptions(minutes=5, device="cpu", resume=resume, mixed_precision=False))


def take_steps(run: Run, count: int) -> float:
    data = torch.randn(32, 6, generator=torch.Generator().manual_seed(1))
    loss = torch.zeros(())
    for _ in range(count):
        loss = (run.model(data) - data[:, :2]).square().mean()
        run.update(loss)
    return float(loss.detach())


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_resumed_run_has_the_saved_weights_step_and_optimizer_and_goes_on_alike() -> None:
    first = make_run()
    take_steps(first, 7)
    first.save()
    second = make_run(resume=True)
    assert second.step == 7
    for name, parameter in second.model.named_parameters():
        assert torch.equal(parameter, first.model.get_parameter(name))
        assert torch.equal(second.ema.weights[name], first.ema.weights[name])
    assert take_steps(second, 3) == pytest.approx(take_steps(first, 3), rel=1e-5)
    assert second.step == 10


def test_a_checkpoint_of_another_model_is_refused() -> None:
    run = make_run()
    take_steps(run, 1)
    run.save()
    other = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(other.parameters(), lr=0.1)
    with pytest.raises((RuntimeError, ValueError)):
        Run("test", other, optimizer, RunOptions(minutes=1, device="cpu", resume=True))


def test_sigterm_saves_and_ends_the_loop() -> None:
    run = make_run()
    for _ in run.steps():
        take_steps(run, 1)
        if run.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
    assert run.step == 3
    assert json.loads(Path("runs/test/state.json").read_text())["step"] == 3
    assert load_file("runs/test/weights.safetensors").keys() == dict(run.model.named_parameters()).keys()


def test_training_lowers_the_loss() -> None:
    run = make_run()
    assert take_steps(run, 150) < 0.3 * take_steps(make_run(), 1)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    run = make_run()
    with pytest.raises(FloatingPointError):
        for _ in range(60):
            run.update(run.model(torch.full((1, 6), float("nan"))).sum())


def test_muons_update_is_nearly_orthogonal() -> None:
    matrix = torch.randn(2, 24, 16, generator=torch.Generator().manual_seed(0))
    singular = torch.linalg.svdvals(orthogonalised(matrix))
    assert singular.min() > 0.5
    assert singular.max() < 1.4
