"""Going on in a fresh clone: from exported weights and `training.json`, without runs/."""

import argparse
import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoTokenizer

from training import autoencoder, clip, denoiser, evaluate_clip, latent_pool
from training.committed import HISTORY_LINES, STATE, Committed, read_log, thinned
from training.run import Run, RunOptions

SHIPPED = Path(__file__).parents[2] / "models"
EXPORT = Path("models/tiny")
WEIGHTS = EXPORT / "model.safetensors"
DATA = torch.randn(64, 6, generator=torch.Generator().manual_seed(1))
WARMUP, LR = 10, 1e-2


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Tiny(nn.Module):
    """A body that is exported, and a head that only training has."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, width), nn.Tanh(), nn.Linear(width, 2))
        self.head = nn.Linear(2, 1)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        out = self.body(rows)
        return out, self.head(out)

    def load_export(self) -> None:
        self.body.load_state_dict({name: tensor.float() for name, tensor in load_file(WEIGHTS).items()})


def make_run(*, resume: bool, width: int = 16) -> Run:
    torch.manual_seed(0)
    model = Tiny(width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR)
    options = RunOptions(
        minutes=5, device="cpu", resume=resume, mixed_precision=False, cooldown=0, warmup_steps=WARMUP, ema_decay=0.9
    )
    return Run("tiny", model, optimizer, options, Committed(EXPORT, model.load_export))


def take_steps(run: Run, count: int) -> list[float]:
    losses = []
    for _ in range(count):
        out, aside = run.model(DATA)
        loss = (out - DATA[:, :2]).square().mean() + 0.01 * (aside[:, 0] - DATA[:, 2]).square().mean()
        run.update(loss, log_every=10)
        losses.append(float(loss.detach()))
    return losses


def export(run: Run) -> None:
    EXPORT.mkdir(parents=True, exist_ok=True)
    body = {name.removeprefix("body."): t.half() for name, t in run.ema.weights.items() if name.startswith("body.")}
    save_file(body, WEIGHTS)
    run.write_state(EXPORT)


def in_a_fresh_clone() -> Run:
    """A run that was trained for 200 steps and exported; then runs/ is lost, and it is resumed."""
    run = make_run(resume=False)
    take_steps(run, 200)
    export(run)
    shutil.rmtree("runs")
    return make_run(resume=True)


def test_the_loss_goes_on_from_where_it_was_and_not_from_the_start() -> None:
    before = take_steps(make_run(resume=False), 200)
    resumed = in_a_fresh_clone()
    assert resumed.step == 200
    after = take_steps(resumed, 100)
    assert before[-1] < 0.1 * before[0]
    assert max(after) < 0.3 * before[0]
    assert after[-1] < before[-1]


def test_the_average_begins_at_the_weights_and_the_head_anew() -> None:
    run = in_a_fresh_clone()
    untrained, exported = make_run(resume=False).model, load_file(WEIGHTS)
    for name, tensor in run.ema.weights.items():
        assert torch.equal(tensor, run.model.get_parameter(name))
        wanted = untrained.get_parameter(name) if "head" in name else exported[name.removeprefix("body.")].float()
        assert torch.equal(tensor, wanted)


def test_the_optimizer_warms_up_again_also_when_it_is_interrupted() -> None:
    run = in_a_fresh_clone()
    rates = []
    for _ in range(WARMUP // 2):
        take_steps(run, 1)
        rates.append(run.optimizer.param_groups[0]["lr"])
    run.save()
    again = make_run(resume=True)
    for _ in range(WARMUP):
        take_steps(again, 1)
        rates.append(again.optimizer.param_groups[0]["lr"])
    wanted = [LR * min(1, k / WARMUP) for k in range(1, len(rates) + 1)]
    assert rates == pytest.approx(wanted)
    assert again.step == 200 + len(rates)


def test_minutes_and_the_log_go_on() -> None:
    run = in_a_fresh_clone()
    minutes = json.loads((EXPORT / STATE).read_text())["minutes"]
    assert run.minutes >= minutes
    take_steps(run, 20)
    assert [line["step"] for line in read_log(Path("runs/tiny/log.jsonl"))] == list(range(10, 230, 10))


def test_a_checkpoint_in_runs_goes_before_the_committed_weights() -> None:
    run = in_a_fresh_clone()
    take_steps(run, 7)
    run.save()
    assert make_run(resume=True).step == 207


def test_weights_of_another_shape_are_refused_with_the_way_out() -> None:
    in_a_fresh_clone()
    with pytest.raises(RuntimeError, match="models/tiny holds another model's weights: train without --resume"):
        make_run(resume=True, width=8)


def test_without_checkpoint_and_export_a_run_begins_anew() -> None:
    assert make_run(resume=True).step == 0


def test_a_run_that_begins_anew_begins_a_new_log() -> None:
    take_steps(make_run(resume=False), 20)
    take_steps(make_run(resume=False), 10)
    assert [line["step"] for line in read_log(Path("runs/tiny/log.jsonl"))] == [10]


def test_what_a_killed_run_logged_beyond_its_checkpoint_is_taken_back(tmp_path: Path) -> None:
    steps = [50, 100, 150, 200, 100, 100, 150]  # killed after 200, resumed at 50
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"step": {step}, "minutes": {at}}}\n' for at, step in enumerate(steps)) + '{"step": 2')
    assert [(line["step"], line["minutes"]) for line in read_log(log)] == [
        (50, 0),
        (100, 1),
        (100, 4),
        (100, 5),
        (150, 6),
    ]


def test_a_long_history_keeps_its_ends_and_its_rare_lines() -> None:
    losses = [{"step": step, "minutes": 0.0, "loss": 1 / step} for step in range(50, 100_001, 50)]
    scores = [{"step": step, "minutes": 0.0, "score": 0.5} for step in range(10_000, 100_001, 10_000)]
    lines = sorted(losses + scores, key=lambda line: line["step"])
    kept = thinned(lines, HISTORY_LINES)
    assert len(kept) <= HISTORY_LINES
    assert [line for line in kept if "score" in line] == scores
    kept_losses = [line["step"] for line in kept if "loss" in line]
    assert (kept_losses[0], kept_losses[-1]) == (50, 100_000)
    gaps = [later - earlier for earlier, later in pairwise(kept_losses)]
    assert max(gaps) < 1.5 * 100_000 / (HISTORY_LINES // 2)
    assert thinned(kept, HISTORY_LINES) == kept


def arguments(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"minutes": 0.005, "device": "cpu", "seed": 0, "cooldown": 0.0, "fp32": True} | given)


def test_clip_goes_on_from_its_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_clip, "CHOICES", 4)
    settings = {"batch": 2, "lr": 1e-3, "out": str(clip.COMMITTED)}
    clip.train(arguments(resume=False, **settings))
    steps = json.loads((clip.COMMITTED / STATE).read_text())["step"]
    words = AutoTokenizer.from_pretrained(clip.COMMITTED).get_vocab()
    exported = load_file(clip.COMMITTED / "model.safetensors")
    shutil.rmtree("runs")
    clip.train(arguments(resume=True, **settings | {"lr": 0.0}))
    assert json.loads((clip.COMMITTED / STATE).read_text())["step"] > steps > 0
    assert AutoTokenizer.from_pretrained("runs/clip/tokenizer").get_vocab() == words
    for name, tensor in load_file(clip.COMMITTED / "model.safetensors").items():
        assert torch.allclose(tensor.float(), exported[name].float(), atol=1e-6), name


def test_the_autoencoder_goes_on_from_its_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoencoder, "START_CROPS", 20)
    settings = {"batch": 1, "lr": 1e-4, "freeze_encoder": False, "out": str(autoencoder.COMMITTED)}
    autoencoder.train(arguments(resume=False, **settings))
    steps = json.loads((autoencoder.COMMITTED / STATE).read_text())["step"]
    weights = autoencoder.COMMITTED / "diffusion_pytorch_model.safetensors"
    exported = load_file(weights)
    shutil.rmtree("runs")
    autoencoder.train(arguments(resume=True, **settings | {"lr": 0.0, "seed": 1}))
    assert json.loads((autoencoder.COMMITTED / STATE).read_text())["step"] > steps > 0
    for name, tensor in load_file(weights).items():
        assert torch.allclose(tensor, exported[name], atol=1e-6), name


def test_the_denoiser_goes_on_from_its_export_with_its_own_text_tower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent_pool, "SCALE_SCENES", 8)
    monkeypatch.setattr(denoiser, "DETECTOR", SHIPPED / "detector")
    monkeypatch.setattr(denoiser, "TRIAL_CASES", 2)
    monkeypatch.setattr(denoiser, "TRIAL_STEPS", 1)
    settings = {"batch": 2, "pool": 8, "renew": 1, "out": str(denoiser.COMMITTED)}
    vae, clip_folder = str(SHIPPED / "painter" / "vae"), str(SHIPPED / "clip")
    denoiser.train(arguments(resume=False, lr=1e-3, clip=clip_folder, autoencoder=vae, **settings))
    state = denoiser.COMMITTED / "transformer" / STATE
    steps = json.loads(state.read_text())["step"]
    parts = [denoiser.COMMITTED / name for name in ("transformer", "text_encoder")]
    exported = {path: load_file(path) for part in parts for path in part.glob("*.safetensors")}
    shutil.rmtree("runs")
    own = {"clip": "there is none", "autoencoder": str(denoiser.COMMITTED / "vae")}
    denoiser.train(arguments(resume=True, lr=0.0, **own, **settings))
    assert json.loads(state.read_text())["step"] > steps > 0
    assert len(exported) == 2
    for path, tensors in exported.items():
        for name, tensor in load_file(path).items():
            assert torch.equal(tensor, tensors[name]), name
