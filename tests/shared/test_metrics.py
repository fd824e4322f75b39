"""A process's metrics on a port of their own."""

import logging
import socket
from urllib.request import urlopen

import pytest

from cli.ports import free_port
from shared.gpu_metrics import GpuMemory
from shared.metrics import expose, new_registry
from shared.settings import MetricsSettings


def test_metrics_are_served_on_the_port_that_is_set():
    registry, port = new_registry(), free_port()
    GpuMemory(lambda: {"allocated": 5, "total": 9}, registry)
    expose(registry, MetricsSettings(metrics_port=port))
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'diptych_gpu_memory_bytes{state="allocated"} 5.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_without_a_port_nothing_listens(monkeypatch):
    monkeypatch.setattr("shared.metrics.start_http_server", lambda *_: pytest.fail("it listens"))
    expose(new_registry(), MetricsSettings())


def test_a_port_that_is_taken_does_not_stop_the_process(caplog):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        expose(new_registry(), MetricsSettings(metrics_port=taken.getsockname()[1]))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
