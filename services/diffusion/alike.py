"""Two reasons why a row's bits depend on how many stand beside it on a CPU, mended: `exact` can batch more then.

What is left of such reasons is found by measuring (capacity.py).
"""

import os
from typing import Any

import torch
from torch import Tensor, nn


def add_up_alike() -> None:
    """Have MKL add up in an order that does not depend on how many rows there are, which costs next to nothing.

    For the beginning of a process: MKL reads it when it is used for the first time.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def enter_alike(network: nn.Module) -> None:
    """Have a lone row enter a network by the library by which several do.

    torch gives a small convolution in float32 of one row to another library than one of two rows. In a network of
    usual size only the one at its entrance is so small: a transformer's patches, or a UNet's first layer, where the
    detour costs nothing. In UNets for very small pictures others are too, and stay as they are: it would take half as
    long again.
    """
    if not torch.backends.mkldnn.is_available():
        return
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and (module.kernel_size == module.stride != (1, 1) or name == "conv_in"):
            module._conv_forward = _by_one_library(module)  # pyright: ignore[reportAttributeAccessIssue]


def _by_one_library(module: nn.Conv2d) -> Any:
    usual = module._conv_forward

    def forward(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if len(rows) > 1 or rows.dtype != torch.float32 or rows.device.type != "cpu":
            return usual(rows, weight, bias)
        shape: Any = module.padding, module.stride, module.dilation
        return torch.ops.aten.mkldnn_convolution(rows, weight, bias, *shape, module.groups)

    return forward
