"""Traces, by OpenTelemetry: a request's spans in all processes that serve it. Off unless an endpoint is set.

Within a process the current span is handed on by contextvars; from the orchestrator to a worker it goes as a W3C
traceparent in the job's ledger entry, to a VLM's server as a header.
"""

import os

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.settings import Settings

STANDARD = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
tracer = trace.get_tracer("diptych")
"""Makes spans; they are empty while tracing is off."""
_w3c = TraceContextTextMapPropagator()


def set_up_tracing(part: str, settings: Settings) -> None:
    """Send the spans of this process to the endpoint that is set, if one is, under the name `diptych-<part>`.

    To be called once, before the first span. Spans go in batches from a thread of their own, the last at exit.
    """
    if not settings.otlp_endpoint and not any(map(os.environ.get, STANDARD)):
        return
    # The SDK takes a tenth of a second and some MiB that nobody needs without an endpoint.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    base = settings.otlp_endpoint.rstrip("/")
    exporter = OTLPSpanExporter(endpoint=f"{base}/v1/traces" if base else None)
    provider = TracerProvider(resource=Resource.create({"service.name": f"diptych-{part}"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def trace_headers() -> dict[str, str]:
    """HTTP headers that make what is asked of another server part of the current trace; none where there is none."""
    headers: dict[str, str] = {}
    _w3c.inject(headers)
    return headers


def traceparent() -> str | None:
    """The current span, to be handed on; None where there is none."""
    return trace_headers().get("traceparent")


def context_of(parent: str | None) -> Context:
    """The context in which a span is the child of one that was handed on."""
    return _w3c.extract({"traceparent": parent} if parent else {}, Context())


def mark_failed(span: Span, code: str) -> None:
    """`code`: one of our errors' codes."""
    span.set_status(StatusCode.ERROR, code)
    span.set_attribute("error.type", code)
