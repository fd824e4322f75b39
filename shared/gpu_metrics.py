"""Memory of a GPU, read anew each time that somebody looks. Knows no torch: it is given what to ask."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class GpuMemory(Collector):
    """`memory` tells bytes by what they are: allocated, reserved, used, total."""

    def __init__(self, memory: Callable[[], Mapping[str, int]], registry: CollectorRegistry) -> None:
        self._memory = memory
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        gauge = GaugeMetricFamily(
            "diptych_gpu_memory_bytes",
            "Memory of the GPU: allocated and reserved by this process, used by all, and in total.",
            labels=["state"],
        )
        for state, size in self._memory().items():
            gauge.add_metric([state], size)
        yield gauge
