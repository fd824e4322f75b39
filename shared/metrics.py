"""Metrics of a process, by Prometheus's client: a registry of its own, and a port where they can be read.

Names begin with `diptych_`, apart from `process_` and `python_`, which every Prometheus knows.
"""

import logging

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    start_http_server,
)

from shared.settings import MetricsSettings

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds of histograms of anything between a request and a long job."""
log = logging.getLogger(__name__)


def new_registry() -> CollectorRegistry:
    """One that already tells of the process itself: memory, CPU, files, garbage."""
    disable_created_metrics()  # a series more for each, which only OpenMetrics has a use for
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def expose(registry: CollectorRegistry, settings: MetricsSettings) -> None:
    """Serve `/metrics` from a thread, where a port is set. A port that is taken costs the metrics, not the process."""
    if settings.metrics_port == 0:
        return
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        log.warning("metrics cannot be served on port %d: %s", settings.metrics_port, error)
