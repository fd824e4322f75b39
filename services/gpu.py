"""How much memory of a GPU is taken. Knows no model, and not who asks."""

from collections.abc import Callable, Mapping

import torch


def gpu_memory(device: torch.device) -> Callable[[], Mapping[str, int]] | None:
    """What tells how much memory is taken now, in bytes; None for a device that is no NVIDIA GPU.

    `allocated`: tensors of this process; `reserved`: those, and what torch keeps for the next ones; `used`: what all
    processes take of the device; `total`: all that it has.
    """
    if device.type != "cuda":
        return None

    def memory() -> Mapping[str, int]:
        free, total = torch.cuda.mem_get_info(device)
        return {
            "allocated": torch.cuda.memory_allocated(device),
            "reserved": torch.cuda.memory_reserved(device),
            "used": total - free,
            "total": total,
        }

    return memory
