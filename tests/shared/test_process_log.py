"""Log lines: JSON, whatever happens, with the names of what they are about."""

import asyncio
import json
import logging
import subprocess
import sys

from opentelemetry import trace

from cli.folders import ROOT
from shared.process_log import JsonLines, add_names, named
from shared.tracing import tracer

PROGRAM = """
import logging, warnings
from shared.process_log import named, set_up_logging
set_up_logging()
log = logging.getLogger("diptych.test")
with named(request_id="req_1", job_id="job_1"):
    log.info("%d wörds", 2, extra={"response_id": "resp_1"})
warnings.warn("odd")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("it failed")
raise RuntimeError("nobody caught this")
"""


def line(message="a message"):
    record = logging.LogRecord("diptych.test", logging.INFO, __file__, 1, message, None, None)
    return json.loads(JsonLines().format(record))


def test_all_that_a_process_says_is_one_json_object_a_line():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    entries = [json.loads(each) for each in done.stderr.splitlines()]

    first, warned, failed, uncaught = entries
    names = {"request_id": "req_1", "job_id": "job_1", "response_id": "resp_1"}
    assert first.items() >= {"level": "INFO", "logger": "diptych.test", "message": "2 wörds", **names}.items()
    assert first["time"].endswith("+00:00")
    assert "odd" in warned["message"]
    assert "ZeroDivisionError" in failed["exc_info"]
    assert (uncaught["level"], done.returncode) == ("CRITICAL", 1)
    assert "nobody caught this" in uncaught["exc_info"]
    assert "request_id" not in warned


async def test_names_hold_for_a_task_and_what_it_starts_and_for_no_other():
    async def child():
        return line()

    async def request(number):
        with named(request_id=f"req_{number}"):
            add_names(response_id=f"resp_{number}")
            await asyncio.sleep(0)
            return await asyncio.create_task(child())

    first, second = await asyncio.gather(request(1), request(2))
    assert (first["request_id"], first["response_id"]) == ("req_1", "resp_1")
    assert (second["request_id"], second["response_id"]) == ("req_2", "resp_2")
    assert "request_id" not in line()


def test_a_line_within_a_span_names_its_trace(spans):
    with tracer.start_as_current_span("a span") as span:
        told = line()["trace_id"]
    assert told == trace.format_trace_id(span.get_span_context().trace_id)
    assert "trace_id" not in line()
