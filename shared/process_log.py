"""How every process of ours logs: one JSON object a line to standard error, with the names of what it is about.

Names are request_id, response_id and job_id; they hold for a task or a thread and for the tasks that it starts. Who
collects the lines is not its business.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType, TracebackType
from typing import Any

from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

FOREIGN = ("color_message", "data")
"""What uvicorn and Celery attach to records for others: the message says it."""
_names: ContextVar[Mapping[str, str]] = ContextVar("names", default=MappingProxyType({}))


class JsonLines(JsonFormatter):
    """time, level, logger, message; then the names, trace_id, and exc_info, where there are any."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, *FOREIGN],
            json_ensure_ascii=False,
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(_names.get())
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            log_data["trace_id"] = trace.format_trace_id(span.trace_id)


def set_up_logging() -> None:
    """To be called once, first thing in a process."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def add_names(**names: str) -> None:
    """What this task or thread, and all that it starts, is about from now on."""
    _names.set({**_names.get(), **names})


@contextlib.contextmanager
def named(**names: str) -> Iterator[None]:
    """The same while the context is open."""
    token = _names.set({**_names.get(), **names})
    try:
        yield
    finally:
        _names.reset(token)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(__name__).critical("the process ends for a fault of our own", exc_info=(kind, error, traceback))
