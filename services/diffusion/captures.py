"""Forward passes that are recorded once for each shape of their inputs, and then started with one call.

A pass is hundreds of kernels, which a GPU often does faster than a CPU can ask for them one by one. A recording reads
and writes memory of its own. Knows tensors and functions of tensors; knows no networks.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

WARM_UPS = 2
"""Passes before the recording, in which libraries choose kernels and make their workspaces."""
MOST_KEPT = 64
"""Recordings; beyond them the one that was not used for longest goes. Each has some megabytes of its own."""
log = logging.getLogger(__name__)

Record = Callable[[Callable[[], Tensor]], tuple[Callable[[], object], Tensor]]
"""Records what a function tells the device to do. Returns what does all of it again, and the tensor that then holds
what the function returned."""


def cuda_graphs(device: torch.device) -> Record:
    """Recording by CUDA graphs. All share memory, so they must be played one after the other, in one stream."""
    pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)

    def record(run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
        graph = torch.cuda.CUDAGraph()
        # "thread_local": other threads go on encoding and decoding meanwhile, and may take memory for it.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            output = run()
        return graph.replay, output

    return record


class Captures:
    """The recordings of one function. For one thread."""

    def __init__(self, forward: Callable[..., Tensor], record: Record) -> None:
        """`forward`: computes from tensors that lie on the device, there alone, and draws no random numbers."""
        self._forward, self._record = forward, record
        self._kept: OrderedDict[Any, Capture] = OrderedDict()

    def ready(self, inputs: Mapping[str, Tensor]) -> "Capture":
        """The recording for inputs of such shapes, made now where there is none."""
        key = tuple((name, tensor.shape, tensor.dtype) for name, tensor in inputs.items())
        if key not in self._kept:
            began = time.perf_counter()
            self._kept[key] = Capture(self._forward, inputs, self._record)
            log.info("recorded a forward pass in %.1f s", time.perf_counter() - began)
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


class Capture:
    """One recording, with the memory that it reads and writes."""

    def __init__(self, forward: Callable[..., Tensor], inputs: Mapping[str, Tensor], record: Record) -> None:
        self._inputs = {name: tensor.clone() for name, tensor in inputs.items()}
        for _ in range(WARM_UPS):
            forward(**self._inputs)
        self._replay, self._output = record(lambda: forward(**self._inputs))

    def __call__(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """What the function makes of these."""
        for name, tensor in self._inputs.items():
            tensor.copy_(inputs[name])
        self._replay()
        return self._output.clone()  # the next replay writes over it
