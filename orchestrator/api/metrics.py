"""`GET /metrics`, for Prometheus, and the middleware that counts requests. Knows no route but its own."""

import asyncio
import time

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.sse import MEDIA_TYPE
from orchestrator.metrics import HttpMetrics
from orchestrator.wiring import OwnerDep, ServicesDep, services_of

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
OTHER = "other"
"""Methods and addresses that are not ours, which clients make up without end."""
router = APIRouter()


@router.get("/metrics", include_in_schema=False)
async def metrics(services: ServicesDep, _owner: OwnerDep) -> Response:
    """What this process has counted, and how the queues stand, in Prometheus's text format."""
    text = await asyncio.to_thread(generate_latest, services.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


class RequestMetrics:
    """ASGI middleware; add it outside of all whose refusals shall be counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Counted(scope, services_of(Request(scope)).metrics.http).run(self._app, receive, send)
        elif scope["type"] == "websocket":
            with services_of(HTTPConnection(scope)).metrics.http.streams.labels("websocket").track_inprogress():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _Counted:
    """One request."""

    def __init__(self, scope: Scope, metrics: HttpMetrics) -> None:
        self._scope, self._metrics = scope, metrics
        self._status = 500  # where no answer is begun, the server's own is sent
        self._streams = False

    async def run(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._begin(message)
            await send(message)

        try:
            await app(self._scope, receive, watched)
        finally:
            self._end(time.perf_counter() - began)

    def _begin(self, start: Message) -> None:
        self._status, headers = start["status"], Headers(raw=start["headers"])
        if headers.get("content-type", "").startswith(MEDIA_TYPE):
            self._streams = True
            self._metrics.streams.labels("sse").inc()
        if "idempotent-replayed" in headers:
            self._metrics.replays.inc()

    def _end(self, seconds: float) -> None:
        if self._streams:
            self._metrics.streams.labels("sse").dec()
        method = self._scope["method"] if self._scope["method"] in METHODS else OTHER
        route = getattr(self._scope.get("route"), "path", OTHER)
        self._metrics.requests.labels(method, route, str(self._status)).inc()
        self._metrics.duration.labels(method, route).observe(seconds)
