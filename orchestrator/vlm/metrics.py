"""What is asked of the VLM and what comes of it, as metrics: seen from here, whichever server answers."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared.events import Usage
from shared.metrics import SECONDS


class VlmMetrics:
    """Told by `MeasuredVlm`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge("diptych_vlm_requests_open", "Answers of the VLM that are under way.", registry=registry)
        self.duration = Histogram(
            "diptych_vlm_request_duration_seconds",
            "From the question to the end of the VLM's answer, waits for a busy server included.",
            buckets=SECONDS,
            registry=registry,
        )
        self.first_token = Histogram(
            "diptych_vlm_time_to_first_token_seconds",
            "From the question to the first piece of the VLM's answer: text, or a whole call.",
            buckets=SECONDS,
            registry=registry,
        )
        self.errors = Counter("diptych_vlm_errors", "Answers that broke off, by code.", ["code"], registry=registry)
        self._tokens = Counter(
            "diptych_vlm_tokens",
            "Tokens as the VLM's server counts them; image and cached ones are among those of the prompt.",
            ["kind"],
            registry=registry,
        )

    def used(self, usage: Usage) -> None:
        self._tokens.labels("prompt").inc(usage.prompt_tokens)
        self._tokens.labels("completion").inc(usage.completion_tokens)
        self._tokens.labels("image").inc(usage.image_tokens)
        self._tokens.labels("cached").inc(usage.cached_tokens)
