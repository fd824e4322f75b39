"""In which number format a CPU paints quicker: measured once of a small painter, known of a large one.

bfloat16 halves what is read and calculated, but costs conversions, and not every CPU that has it multiplies small
matrices in it faster. Knows no folders and no loading.
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from services.diffusion.measured import Format, MeasuredFile

LARGE = 10**9
"""Bytes of weights on disk. Those of a larger painter take too much memory twice over, and matrices so large are worth
their conversion."""
WORTH_ITS_ROUNDING = 0.9
"""bfloat16 is worth it where a pass takes at most this share of the time."""
BOTH = (torch.float32, torch.bfloat16)
Model = TypeVar("Model")
log = logging.getLogger(__name__)


def certain_format(weight_bytes: int) -> torch.dtype | None:
    """What a CPU paints in, by its abilities alone; None: it has to be measured."""
    able = torch.cpu.get_capabilities()
    if not (able.get("avx512_bf16") or able.get("amx_bf16")):
        return torch.float32
    return torch.bfloat16 if weight_bytes > LARGE else None


def in_the_quicker_format(
    file: MeasuredFile, key: str, load: Callable[[torch.dtype], Model], pass_s: Callable[[Model], float]
) -> Model:
    """What `load` makes in bfloat16, or in float32: that with the shorter pass.

    Args:
        key: of the choice in the file.
        pass_s: seconds of a forward pass.
    """
    models: dict[torch.dtype, Model] = {}

    def quicker() -> Format:
        models.update((dtype, load(dtype)) for dtype in BOTH)
        took = {dtype: pass_s(model) for dtype, model in models.items()}
        log.info("passes take %.3f s in float32, %.3f s in bfloat16", *took.values())
        return "bfloat16" if took[torch.bfloat16] <= WORTH_ITS_ROUNDING * took[torch.float32] else "float32"

    dtype = getattr(torch, file.remembered(lambda known: known.formats, key, quicker))
    return models[dtype] if models else load(dtype)
