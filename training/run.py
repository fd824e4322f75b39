"""The loop that every training command shares: time budget, checkpoints, EMA, log, graceful stop.

Knows modules, optimizers and the clock. Does not know models, data or losses. `--resume` goes on from the checkpoint in
runs/; where there is none, as in a fresh clone, from the committed weights (`training.committed`).

    run = Run("clip", model, optimizer, options_from(args))
    for step in run.steps():
        with run.autocast():
            loss = ...
        run.update(loss, accuracy=...)
"""

import argparse
import json
import math
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.checkpoint import load_checkpoint, save_checkpoint
from training.committed import Committed, restore_training_state, write_training_state
from training.ema import Ema
from training.precision import mixed_precision

RUNS = Path("runs")


@dataclass(frozen=True)
class RunOptions:
    """What a person may set for any training command."""

    minutes: float
    device: str = "auto"
    resume: bool = False
    seed: int = 0
    warmup_steps: int = 100
    """Steps over which the learning rate rises, counted from where the optimizer's state began."""
    cooldown: float = 0.2
    """Share of the time budget, at its end, over which the learning rate falls to 2 %."""
    save_every: float = 60.0
    """Seconds between checkpoints."""
    ema_decay: float = 0.999
    mixed_precision: bool = True
    """bf16 where the device is faster with it (`training.precision`)."""
    clip_norm: float = 1.0


def add_run_arguments(parser: argparse.ArgumentParser, minutes: float) -> None:
    """The arguments that every training command takes."""
    parser.add_argument("--minutes", type=float, default=minutes, help="time budget of this call")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, else from committed weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cooldown", type=float, default=0.2)
    parser.add_argument("--fp32", action="store_true", help="no bf16, even where the device is faster with it")


def options_from(args: argparse.Namespace, **overrides: Any) -> RunOptions:
    """RunOptions of parsed arguments; `overrides` are fields a command decides for itself."""
    fields: dict[str, Any] = {
        "minutes": args.minutes,
        "device": args.device,
        "resume": args.resume,
        "seed": args.seed,
        "cooldown": args.cooldown,
        "mixed_precision": not args.fp32,
    }
    return RunOptions(**(fields | overrides))


def pick_device(name: str) -> torch.device:
    """ "auto" is CUDA where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


class Run:
    """One call of a training command, writing to `runs/<name>/`.

    `model` is moved to the device. Learning rates of the optimizer's groups are taken as peaks. `committed` is what
    `options.resume` goes on from when `runs/<name>/` has no checkpoint; with neither, the run begins anew.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        options: RunOptions,
        committed: Committed | None = None,
    ) -> None:
        self.folder = RUNS / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = pick_device(options.device)
        self.model = model.to(self.device)
        self.optimizer = optimizer
        self.options = options
        self.step = 0
        self.minutes_before = 0.0
        self.ema = Ema(model, options.ema_decay)
        self._peaks = [group["lr"] for group in optimizer.param_groups]
        self._begun = time.monotonic()
        self._warm_from = 0
        self._stop = False
        if not (options.resume and self._resume(committed)):
            (self.folder / "log.jsonl").unlink(missing_ok=True)  # it told of weights that are now replaced

    def _resume(self, committed: Committed | None) -> bool:
        """Whether there was something to go on from."""
        if (self.folder / "state.json").exists():
            origin = self.folder
            state = load_checkpoint(self.folder, self.model, self.optimizer, self.ema)
            self._warm_from = int(state.get("warm_from", 0))
        elif committed is not None and committed.is_there():
            origin = committed.folder
            state = self._begin_from(committed)
            self._warm_from = int(state["step"])
        else:
            print(f"nothing to resume in {self.folder}: beginning anew", flush=True)
            return False
        self.step, self.minutes_before = int(state["step"]), float(state["minutes"])
        print(f"going on from {origin} at step {self.step}", flush=True)
        return True

    def _begin_from(self, committed: Committed) -> dict[str, Any]:
        try:
            committed.load()
        except RuntimeError as error:
            raise RuntimeError(f"{committed.folder} holds another model's weights: train without --resume") from error
        self.ema = Ema(self.model, self.options.ema_decay)
        return restore_training_state(committed.folder, self.folder)

    def save(self) -> None:
        """Writes weights, EMA, optimizer and step, so that `--resume` goes on from here."""
        state = {"step": self.step, "minutes": self.minutes, "warm_from": self._warm_from}
        save_checkpoint(self.folder, self.model, self.optimizer, self.ema, state)

    def write_state(self, folder: Path) -> None:
        """Writes into an export's folder what `Committed` needs beside the weights."""
        self.save()
        write_training_state(self.folder, folder)

    @property
    def minutes(self) -> float:
        """Minutes trained in all calls together."""
        return self.minutes_before + self._elapsed() / 60

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    @property
    def share(self) -> float:
        """How much of this call's time budget is used, 0 to 1."""
        return min(1.0, self._elapsed() / (60 * self.options.minutes))

    def autocast(self) -> AbstractContextManager[Any]:
        """bf16 where the device is faster with it, unless switched off."""
        return mixed_precision(self.device, enabled=self.options.mixed_precision)

    def steps(self) -> Iterator[int]:
        """Yields step numbers until the time is up or SIGTERM comes; saves every so often and at the end."""
        handler = signal.signal(signal.SIGTERM, self._on_sigterm)
        self._begun = last_save = time.monotonic()
        try:
            while not self._stop and self.share < 1.0:
                yield self.step
                if time.monotonic() - last_save > self.options.save_every:
                    self.save()
                    last_save = time.monotonic()
        finally:
            signal.signal(signal.SIGTERM, handler)
            self.save()

    def _on_sigterm(self, *_: object) -> None:
        self._stop = True

    def _set_learning_rate(self) -> None:
        scale = min(1.0, (self.step - self._warm_from + 1) / self.options.warmup_steps)
        if self.options.cooldown > 0:
            scale *= max(0.02, min(1.0, (1 - self.share) / self.options.cooldown))
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * scale

    def update(self, loss: torch.Tensor, log_every: int = 50, **metrics: float | torch.Tensor) -> None:
        """Backward, clipped optimizer step, EMA, and a line in the log every `log_every` steps.

        Raises FloatingPointError when the loss is not finite: going on would only spoil the weights.
        """
        self._set_learning_rate()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip_norm)
        self.optimizer.step()
        self.ema.update(self.model, self.step)
        self.step += 1
        if self.step % log_every == 0:
            value = float(loss.detach())
            if not math.isfinite(value):
                raise FloatingPointError(f"loss {value} at step {self.step}")
            self.log(loss=value, **{key: float(metric) for key, metric in metrics.items()})

    def log(self, **values: float) -> None:
        """One JSON line in `log.jsonl`, and on the terminal."""
        line = {"step": self.step, "minutes": round(self.minutes, 2)}
        line |= {key: round(value, 5) for key, value in values.items()}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
