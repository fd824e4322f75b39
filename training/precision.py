"""In which number format a device computes fastest.

Knows devices. Does not know models. A CPU with bfloat16 instructions is about twice as fast with them; one without
them emulates the format, about a hundred times slower than float32.
"""

import functools
import time
from contextlib import AbstractContextManager
from typing import Any

import torch

SIDE = 384
ROUNDS = 3


@functools.cache
def fast_dtype(kind: str) -> torch.dtype:
    """bfloat16 on GPUs, and on CPUs where a product of two matrices takes less time with it; else float32."""
    if kind != "cpu":
        return torch.bfloat16
    return min((torch.float32, torch.bfloat16), key=_seconds)


def _seconds(dtype: torch.dtype) -> float:
    """The shortest of a few timings, the first of which only warms up."""
    matrix = torch.ones((SIDE, SIDE), dtype=dtype)
    timings = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        matrix @ matrix
        timings.append(time.perf_counter() - begun)
    return min(timings[1:])


def mixed_precision(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[Any]:
    """Autocast to bfloat16 where the device is faster with it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and fast_dtype(device.type) == torch.bfloat16)
