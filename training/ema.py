"""An exponential moving average of a module's weights."""

import torch
from torch import nn


class Ema:
    """Keeps fp32 averages of a module's parameters; buffers are not averaged.

    The decay grows from 0 to `decay` over the first steps, so that the random start is forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: p.detach().float().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Moves the averages towards the weights after optimizer step number `step` (from 0)."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for name, parameter in module.named_parameters():
            self.weights[name].lerp_(parameter.detach().to(self.weights[name]), 1 - decay)

    @torch.no_grad()
    def copy_to(self, module: nn.Module) -> None:
        """Overwrites the module's parameters with the averages."""
        for name, parameter in module.named_parameters():
            parameter.copy_(self.weights[name])
