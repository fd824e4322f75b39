"""The span of a job in a worker: a child of the request's, wherever that was served."""

import contextlib
from collections.abc import Iterator

from opentelemetry.trace import SpanKind

from shared.jobs import Job
from shared.tracing import context_of, tracer


@contextlib.contextmanager
def job_span(job: Job) -> Iterator[None]:
    """The current span while the job runs in this thread."""
    attributes = {"diptych.job.id": job.id, "diptych.job.kind": job.kind, "diptych.job.attempt": job.attempt}
    parent = context_of(job.trace)
    with tracer.start_as_current_span(f"job {job.kind}", parent, SpanKind.CONSUMER, attributes):
        yield
