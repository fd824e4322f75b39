"""The metrics of an orchestrator, in a registry of its own. Each part is handed the object that it tells."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.records.queues import QueueRecords, QueueState
from orchestrator.vlm.metrics import VlmMetrics
from shared.events import TurnCancelled, TurnCompleted, TurnEvent, TurnFailed
from shared.job_metrics import JobMetrics
from shared.jobs import Queue
from shared.metrics import SECONDS, new_registry


class HttpMetrics:
    """Requests as the middleware sees them. Routes are templates, so that their number is that of the code's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "diptych_http_requests",
            "HTTP requests that were answered, by the template of their route.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.duration = Histogram(
            "diptych_http_request_duration_seconds",
            "From a request to the last byte of its answer, streams included.",
            ["method", "route"],
            buckets=SECONDS,
            registry=registry,
        )
        self.streams = Gauge(
            "diptych_streams_open", "Event streams and WebSockets that are open.", ["transport"], registry=registry
        )
        for transport in ("sse", "websocket"):
            self.streams.labels(transport)
        self.replays = Counter(
            "diptych_idempotent_replays",
            "Requests that were given the kept answer of an earlier one with their Idempotency-Key.",
            registry=registry,
        )


class TurnMetrics:
    """Turns: one answer to a person, with all that it takes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge("diptych_turns_open", "Turns that run in this process.", registry=registry)
        self._ended = Counter(
            "diptych_turns_ended",
            "Turns that ended: completed, cancelled, failed (with the error's code), or stopped with this process.",
            ["outcome", "code"],
            registry=registry,
        )
        self._duration = Histogram(
            "diptych_turn_duration_seconds",
            "From the start of a turn to its end.",
            buckets=SECONDS,
            registry=registry,
        )

    def watch_open(self, count: Callable[[], int]) -> None:
        self._open.set_function(count)

    def ended(self, last: TurnEvent | None, seconds: float) -> None:
        """`last`: what the turn ended with."""
        outcome, code = "stopped", ""
        if isinstance(last, TurnCompleted):
            outcome = "completed"
        elif isinstance(last, TurnCancelled):
            outcome = "cancelled"
        elif isinstance(last, TurnFailed):
            outcome, code = "failed", last.error.code
        self._ended.labels(outcome, code).inc()
        self._duration.observe(seconds)


class OrchestratorMetrics:
    """One per process."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.jobs = JobMetrics(self.registry)
        self.http = HttpMetrics(self.registry)
        self.turns = TurnMetrics(self.registry)
        self.vlm = VlmMetrics(self.registry)
        self._resent = Counter(
            "diptych_wakeups_resent",
            "Wake-ups that the reconciler sent again because they were lost.",
            ["queue"],
            registry=self.registry,
        )

    def resent(self, queue: Queue, count: int) -> None:
        """So many wake-ups were lost and sent again."""
        self._resent.labels(queue).inc(count)

    def watch_queues(self, queues: QueueRecords) -> None:
        """Ask the ledger each time that somebody looks."""
        self.registry.register(QueueCollector(queues))


class QueueCollector(Collector):
    """How the queues stand. All orchestrators of one ledger say the same: take the maximum, not the sum."""

    def __init__(self, queues: QueueRecords) -> None:
        self._queues = queues

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not ask the ledger."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("diptych_ledger_up", "Whether the ledger said how the queues stand.")
        try:
            states = {queue: self._queues.state(queue) for queue in Queue}
        except SQLAlchemyError:
            states = {}
        up.add_metric([], float(bool(states)))
        yield up
        yield _gauge("diptych_queue_waiting", "Jobs that wait.", states, lambda state: state.waiting)
        yield _gauge("diptych_queue_running", "Jobs that workers hold.", states, lambda state: state.running)
        yield _gauge(
            "diptych_queue_oldest_wait_seconds",
            "How long the job has waited that has waited longest.",
            states,
            lambda state: state.oldest_s or 0.0,
        )


def _gauge(
    name: str, about: str, states: dict[Queue, QueueState], value: Callable[[QueueState], float]
) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, about, labels=["queue"])
    for queue, state in states.items():
        gauge.add_metric([queue], value(state))
    return gauge
