"""The metrics of the VLM server: its line, its answers, its GPU. Only the server's process has them."""

from collections.abc import Callable, Mapping

from prometheus_client import Counter, Gauge, Histogram

from services.vlm.engine import Outcome
from shared.gpu_metrics import GpuMemory
from shared.metrics import SECONDS, new_registry


class ServerMetrics:
    """One per process."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._open = Gauge("diptych_vlm_server_requests", "Requests that run or wait.", registry=self.registry)
        self._answers = Counter(
            "diptych_vlm_server_answers", "Answers that were given.", ["finish_reason"], registry=self.registry
        )
        self._tokens = Counter(
            "diptych_vlm_server_tokens", "Tokens of answers given.", ["kind"], registry=self.registry
        )
        self._seconds = Histogram(
            "diptych_vlm_server_answer_seconds",
            "From a checked request to the end of its answer, the wait in line included.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "diptych_vlm_server_errors",
            "Requests that were refused or failed, by code.",
            ["code"],
            registry=self.registry,
        )

    def watch_line(self, count: Callable[[], int]) -> None:
        self._open.set_function(count)

    def watch_gpu(self, memory: Callable[[], Mapping[str, int]] | None) -> None:
        """None: there is no GPU."""
        if memory is not None:
            GpuMemory(memory, self.registry)

    def answered(self, outcome: Outcome, seconds: float) -> None:
        self._answers.labels(outcome.finish_reason).inc()
        self._tokens.labels("prompt").inc(outcome.prompt_tokens)
        self._tokens.labels("image").inc(outcome.image_tokens)
        self._tokens.labels("completion").inc(outcome.completion_tokens)
        self._seconds.observe(seconds)

    def failed(self, code: str) -> None:
        self._errors.labels(code).inc()
