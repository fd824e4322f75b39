"""Networks whose rows have the same bits beside any others on a CPU, and small ones that are quicker for it.

torch chooses another library, or another order of adding up, for a lone row than for several, and has a layer's weights
put anew into the order in which a processor reads them at each call. Here each small layer has one way for all batches,
and its weights in that order once and for all: `exact` can batch as much as `throughput` does. Whether it holds on a
machine is measured (capacity.py). The operators with `_` are those that torch's own compiler calls for this.
"""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

SMALL = 2**20
"""Weights of a layer. Ordering those of a larger one is no share of what it computes, and a second copy is dear."""
USUAL_ROWS = 64
"""Rows of a matrix that oneDNN is told of when it orders weights."""


def add_up_alike() -> None:
    """Have MKL add up in an order that does not depend on how many rows there are, which costs next to nothing.

    For the beginning of a process: MKL reads it when it is used for the first time.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def compute_alike(network: nn.Module) -> None:
    """Give the small layers of a network the one way that each has for all batches, on an x86 processor."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.numel() <= SMALL and weight.device.type == "cpu":
            _swap(module, weight)


def _swap(module: nn.Module, weight: Tensor) -> None:
    ordered = weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if type(module) is nn.Linear and ordered:
        module.__class__ = OrderedLinear
    elif type(module) is nn.Conv2d and (ordered or weight.dtype == torch.float32):
        if module.kernel_size == module.stride == (1, 1) and module.groups == 1 and not any(module.padding):
            module.__class__ = OrderedPoints if ordered else Points
        elif module.padding_mode == "zeros" and not isinstance(module.padding, str):
            module.__class__ = OrderedWindows


class OrderedLinear(nn.Linear):
    """By oneDNN, with its weights in order. In float32 MKL is as good as it is."""

    _ordered: Tensor | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self._ordered is None:
            self._ordered = _in_order(self.weight)
        return _matrix_product(input, self._ordered, self.bias)


class Points(nn.Conv2d):
    """A convolution of single points: the rows of a matrix."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return linear(input.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


class OrderedPoints(nn.Conv2d):
    """The same by oneDNN, with its weights in order."""

    _ordered: Tensor | None = None

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self._ordered is None:
            self._ordered = _in_order(weight.flatten(1))
        return _matrix_product(input.permute(0, 2, 3, 1), self._ordered, bias).permute(0, 3, 1, 2)


class OrderedWindows(nn.Conv2d):
    """Any other convolution by oneDNN, with its weights in the order for pictures of the size that it had last."""

    _ordered: tuple[torch.Size, Tensor] | None = None

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        form: Any = self.padding, self.stride, self.dilation, self.groups
        if self._ordered is None or self._ordered[0] != input.shape[1:]:
            sizes = [USUAL_ROWS, *input.shape[1:]]
            self._ordered = input.shape[1:], torch.ops.mkldnn._reorder_convolution_weight(weight, *form, sizes)
        return torch.ops.mkldnn._convolution_pointwise(input, self._ordered[1], bias, *form, "none", [], "")


def _in_order(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach(), USUAL_ROWS)


def _matrix_product(rows: Tensor, ordered: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, ordered, bias, "none", [], "")
