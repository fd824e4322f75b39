"""Notices what would wait for a device, or send it something, without having one: torch's `meta` device has no numbers
to look at, and what goes to it or comes from it is a transfer."""

from copy import copy
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from services.diffusion.families import Denoiser


def devices_of(*values: Any) -> set[str]:
    return {value.device.type for value in tree_leaves(values) if isinstance(value, torch.Tensor)}


def on_meta(denoiser: Denoiser) -> Denoiser:
    """One of the same form, whose weights have no numbers, and whose layers are as torch has them: as on a GPU."""
    there, network = copy(denoiser), denoiser.network
    with torch.device("meta"):
        there.network = type(network).from_config(network.config).to(network.dtype).eval().requires_grad_(False)
    return there


class Transfers(TorchDispatchMode):
    """Notes each operation with tensors of the host and of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        result = function(*given, **(named or {}))
        if len(devices_of(given, named, result)) > 1:
            self.seen.append(str(function))
        return result
