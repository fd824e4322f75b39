"""Checkpoints of a training run: safetensors and JSON, no pickle.

Files: `weights.safetensors`, `ema.safetensors`, `optimizer.safetensors`, and `state.json`, written last.
Each is written beside its place and renamed, so that a killed run leaves the previous one readable.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from training.ema import Ema


def _write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    temporary = path.with_suffix(".partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
    temporary.replace(path)


def make_readable(folder: Path) -> None:
    """Gives exported files ordinary permissions: safetensors writes them for their owner only."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's state as flat names, "<parameter index>.<key>"."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{key}": torch.as_tensor(value).clone()
        for index, values in state.items()
        for key, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """The reverse of `optimizer_tensors`; learning rates stay those of the running command."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema, state: dict[str, Any]
) -> None:
    """Writes everything that `load_checkpoint` needs."""
    weights = dict(model.named_parameters()) | dict(model.named_buffers())
    _write_tensors(folder / "weights.safetensors", {n: t.clone() for n, t in weights.items()})
    _write_tensors(folder / "ema.safetensors", ema.weights)
    _write_tensors(folder / "optimizer.safetensors", optimizer_tensors(optimizer))
    temporary = folder / "state.partial"
    temporary.write_text(json.dumps(state, indent=1))
    temporary.replace(folder / "state.json")


def load_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema) -> dict[str, Any]:
    """Restores all four and returns the state. Raises RuntimeError when the shapes do not fit."""
    model.load_state_dict(load_file(folder / "weights.safetensors"), strict=False)
    restore_optimizer(optimizer, load_file(folder / "optimizer.safetensors"))
    averages = load_file(folder / "ema.safetensors")
    if averages.keys() != ema.weights.keys():
        raise RuntimeError(f"the checkpoint in {folder} is of another model")
    ema.weights = {name: averages[name].to(ema.weights[name]) for name in ema.weights}
    return json.loads((folder / "state.json").read_text())
