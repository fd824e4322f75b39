"""Muon for matrices, AdamW for the rest, in one optimizer.

Muon (https://kellerjordan.github.io/posts/muon/) replaces a matrix's momentum by its nearest
orthogonal matrix; the scale 0.2 * sqrt(longest side) gives it AdamW's step size (arXiv 2502.16982),
so both share learning rates. Small transformers learn in fewer samples with it.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from training.precision import fast_dtype

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 3
"""Five are usual; on one core they would take a third of a step for small models."""


def orthogonalised(matrices: Tensor) -> Tensor:
    """The orthogonal factors of (N, rows, columns) matrices, roughly, in the device's fastest format."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.to(fast_dtype(matrices.device.type))
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim == 2 or (parameter.ndim == 4 and parameter.shape[2:] == (1, 1))


def muon_groups(model: nn.Module, lr: float, weight_decay: float, adam_names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Two parameter groups: hidden matrices for Muon; embeddings, vectors and `adam_names` for AdamW.

    `adam_names` are substrings of parameter names: a model's first and last layers belong there.
    """
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        plain = id(parameter) in embeddings or any(part in name for part in adam_names)
        (matrices if _is_matrix(parameter) and not plain else others).append(parameter)
    return [
        {"params": matrices, "muon": True, "lr": lr, "weight_decay": weight_decay},
        {"params": others, "muon": False, "lr": lr, "weight_decay": 0.0},
    ]


class MuonAdamW(torch.optim.Optimizer):
    """Takes the groups of `muon_groups`."""

    def __init__(
        self, groups: list[dict[str, Any]], momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        super().__init__(groups, {"momentum": momentum, "betas": betas, "lr": 1e-3, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One update of every parameter that has a gradient; `closure` is not supported."""
        assert closure is None
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if group["muon"]:
                self._muon(parameters, group)
            else:
                for parameter in parameters:
                    self._adam(parameter, group)

    def _muon(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        by_shape: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
            update = parameter.grad.lerp(state["momentum"], group["momentum"])
            by_shape.setdefault(tuple(parameter.shape), []).append((parameter, update))
        for shape, pairs in by_shape.items():
            stacked = orthogonalised(torch.stack([update.flatten(1) for _, update in pairs]))
            scale = 0.2 * max(shape[:2]) ** 0.5 * group["lr"]
            for (parameter, _), direction in zip(pairs, stacked, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.sub_(direction.view_as(parameter), alpha=scale)

    def _adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        assert parameter.grad is not None
        state, (beta1, beta2) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        state["exp_avg"].lerp_(parameter.grad, 1 - beta1)
        state["exp_avg_sq"].lerp_(parameter.grad.square(), 1 - beta2)
        step = float(state["step"])
        denominator = (state["exp_avg_sq"] / (1 - beta2**step)).sqrt_().add_(1e-8)
        parameter.addcdiv_(state["exp_avg"], denominator, value=-group["lr"] / (1 - beta1**step))
