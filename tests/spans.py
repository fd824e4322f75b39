"""The spans that a test causes: OpenTelemetry's provider can be set once in a process, so one serves the session."""

from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class Spans(SpanExporter):
    """Keeps finished spans while a test wants them."""

    def __init__(self) -> None:
        self.wanted = False
        self.all: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.wanted:
            self.all += spans
        return SpanExportResult.SUCCESS

    def named(self, name: str) -> ReadableSpan:
        """The only one of that name."""
        (span,) = [span for span in self.all if span.name == name]
        return span

    def parents(self) -> dict[str, str | None]:
        """The name of each span's parent, by the name of the span."""
        names = {span.context.span_id: span.name for span in self.all}
        return {span.name: names.get(span.parent.span_id) if span.parent else None for span in self.all}


@pytest.fixture(scope="session")
def kept_spans():
    kept, provider = Spans(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    return kept


@pytest.fixture
def spans(kept_spans):
    """What is traced from now on, in this process."""
    kept_spans.wanted = True
    yield kept_spans
    kept_spans.wanted = False
    kept_spans.all.clear()
