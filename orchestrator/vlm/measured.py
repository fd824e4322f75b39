"""A VLM that is watched: each answer is a span by OpenTelemetry's GenAI conventions, and counted.

Spans hold no content: neither prompts nor answers. Knows no HTTP.
"""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind

from orchestrator.vlm.client import Offer, Sampling, VisionLanguageModel, VlmEnd, VlmEvent, VlmToolCall
from orchestrator.vlm.metrics import VlmMetrics
from shared.errors import DiptychError
from shared.tracing import mark_failed, tracer

PROVIDER = "openai"
"""Whose form of API is spoken, as the conventions have it."""


class MeasuredVlm:
    """Answers as the VLM behind it."""

    def __init__(self, vlm: VisionLanguageModel, metrics: VlmMetrics, url: str = "") -> None:
        """`url`: of the VLM's server, for the spans."""
        self._vlm, self._metrics = vlm, metrics
        server = urlsplit(url)
        self._server = {"server.address": server.hostname, "server.port": server.port} if server.port else {}

    @property
    def model(self) -> str:
        return self._vlm.model

    async def check(self) -> str:
        return await self._vlm.check()

    async def answer(self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> AsyncIterator[VlmEvent]:
        """As the protocol says."""
        span = tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=self._attributes(sampling))
        began = time.perf_counter()
        called = first = False
        with self._metrics.open.track_inprogress(), trace.use_span(span, end_on_exit=True):
            try:
                async for event in self._vlm.answer(messages, offer, sampling):
                    if not first:
                        first = True
                        self._begun(span, time.perf_counter() - began)
                    called = called or isinstance(event, VlmToolCall)
                    if isinstance(event, VlmEnd):
                        self._ended(span, event, called=called)
                    yield event
            except DiptychError as error:
                self._metrics.errors.labels(error.code).inc()
                mark_failed(span, error.code)
                raise
            finally:
                self._name(span)
                self._metrics.duration.observe(time.perf_counter() - began)

    def _attributes(self, sampling: Sampling) -> dict[str, Any]:
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.stream": True,
            "gen_ai.request.temperature": sampling.temperature,
            "gen_ai.request.top_p": sampling.top_p,
            "gen_ai.request.max_tokens": sampling.max_tokens,
            "gen_ai.request.seed": sampling.seed,
        }
        return {name: value for name, value in (asked | self._server).items() if value is not None}

    def _begun(self, span: Span, seconds: float) -> None:
        self._metrics.first_token.observe(seconds)
        span.set_attribute("gen_ai.response.time_to_first_chunk", seconds)

    def _ended(self, span: Span, end: VlmEnd, *, called: bool) -> None:
        self._metrics.used(end.usage)
        reason = "tool_calls" if called else end.finish_reason
        span.set_attributes(
            {
                "gen_ai.response.finish_reasons": [reason],
                "gen_ai.usage.input_tokens": end.usage.prompt_tokens,
                "gen_ai.usage.output_tokens": end.usage.completion_tokens,
                "gen_ai.usage.image.input_tokens": end.usage.image_tokens,
                "gen_ai.usage.cache_read.input_tokens": end.usage.cached_tokens,
            }
        )

    def _name(self, span: Span) -> None:
        """The model is only known once its server was asked which ones it has."""
        if self._vlm.model:
            span.update_name(f"chat {self._vlm.model}")
            span.set_attribute("gen_ai.request.model", self._vlm.model)
