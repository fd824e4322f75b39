"""A receiver of OpenTelemetry's traces over HTTP, as a collector is one."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Received(NamedTuple):
    """One span."""

    service: str
    name: str
    trace: str
    span: str
    parent: str


class Receiver:
    """Keeps all spans that were sent to it."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Received] = []

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [each.value.string_value for each in group.resource.attributes if each.key == "service.name"]
            for span in [span for scope in group.scope_spans for span in scope.spans]:
                ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                self.spans.append(Received(service, span.name, *ids))

    def path_to(self, name: str) -> list[tuple[str, str]]:
        """Service and name of each span from the root down to the one of that name; empty where one is missing."""
        by_id = {span.span: span for span in self.spans}
        span = next((span for span in self.spans if span.name == name), None)
        path: list[tuple[str, str]] = []
        while span is not None:
            path.insert(0, (span.service, span.name))
            if not span.parent:
                return path
            span = by_id.get(span.parent)
        return []


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Nobody wants to read it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
