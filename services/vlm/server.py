"""The VLM over HTTP, as OpenAI's API: `python -m services.vlm.server`. Knows HTTP; knows no model.

POST /v1/chat/completions, GET /v1/models, GET /healthz; metrics have a port of their own. It listens once the
model is loaded.
"""

import asyncio
import contextlib
import logging
import secrets
import sys
import time
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send
from transformers.utils.logging import disable_progress_bar

from services.gpu import gpu_memory
from services.vlm import wire
from services.vlm.engine import Engine
from services.vlm.folder import FolderRefused
from services.vlm.loading import load
from services.vlm.metrics import ServerMetrics
from services.vlm.request import ChatRequest
from services.vlm.serving import Generation, Line
from services.vlm.settings import VlmSettings
from shared.errors import BodyTooLarge, DiptychError, InvalidRequest, VlmUnavailable
from shared.metrics import expose
from shared.process_log import set_up_logging
from shared.tracing import set_up_tracing

log = logging.getLogger("diptych.vlm")
TELEMETRY: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False, "auto_configure": False}
"""FastAPI's own spans of requests, where tracing is on."""


class EventStream(StreamingResponse):
    """Server-sent events of a generation, which is abandoned when the client goes, whenever that is."""

    def __init__(self, request: ChatRequest, generation: Generation, model: str, metrics: ServerMetrics) -> None:
        super().__init__(self._events(request, model), media_type="text/event-stream")
        self._generation, self._metrics = generation, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._generation.abandon()

    async def _events(self, request: ChatRequest, model: str) -> AsyncIterator[bytes]:
        generation = self._generation
        chunks = wire.Chunks(new_id(), model, request.include_usage)
        yield chunks.opening()
        try:
            async for piece in generation:
                yield chunks.piece(piece)
            yield chunks.closing(await generation.outcome())
        except DiptychError as problem:
            yield self._failure(problem)
        except Exception:
            log.exception("a streamed generation failed")
            yield self._failure(internal())

    def _failure(self, problem: DiptychError) -> bytes:
        self._metrics.failed(problem.code)
        return wire.event(wire.error(problem)) + wire.DONE


def create_app(engine: Engine, settings: VlmSettings, metrics: ServerMetrics) -> FastAPI:
    """The HTTP face of an engine."""
    line = Line(engine, settings.vlm_max_waiting, metrics)
    started = int(time.time())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        line.close()

    app = FastAPI(title="Diptych VLM", lifespan=lifespan, openapi_url=None, telemetry=TELEMETRY)
    add_error_handlers(app, metrics)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/v1/models")
    async def models() -> JSONResponse:
        return JSONResponse(wire.models(engine.vlm.name, engine.vlm.context, started))

    @app.post("/v1/chat/completions")
    async def chat_completions(http: Request) -> Response:
        body = await read_body(http, settings.vlm_max_body_mib * 2**20)
        request, generation = await line.start(body)
        if request.stream:
            return EventStream(request, generation, engine.vlm.name, metrics)
        leaving = asyncio.create_task(abandon_when_gone(http, generation))
        try:
            answer = await generation.answer()
        except asyncio.CancelledError:  # by uvicorn, which ends what is slower than its grace
            raise VlmUnavailable("The VLM server is stopping. Try again in a moment.") from None
        finally:
            leaving.cancel()
            generation.abandon()
        return JSONResponse(wire.completion(new_id(), engine.vlm.name, answer))

    return app


def add_error_handlers(app: FastAPI, metrics: ServerMetrics) -> None:
    """Every error leaves in OpenAI's shape; the details of our own faults stay in the log."""

    @app.exception_handler(DiptychError)
    async def ours(request: Request, problem: DiptychError) -> JSONResponse:
        metrics.failed(problem.code)
        headers = {"Retry-After": "2"} if problem.status == 429 else None
        return JSONResponse(wire.error(problem), problem.status, headers)

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, problem: HTTPException) -> JSONResponse:
        refusal = InvalidRequest("There is no such address or method here.", code="unknown_url")
        return JSONResponse(wire.error(refusal), problem.status_code, problem.headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, problem: Exception) -> JSONResponse:
        metrics.failed(internal().code)
        return JSONResponse(wire.error(internal()), 500)


async def read_body(http: Request, limit: int) -> bytes:
    """The request's body.

    Raises:
        InvalidRequest: it is not declared as JSON (so that a web page elsewhere cannot send it unasked).
        BodyTooLarge: it has more than `limit` bytes.
    """
    if http.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise InvalidRequest("Send the body as JSON, with Content-Type: application/json.")
    body = bytearray()
    async for part in http.stream():
        body += part
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit // 2**20} MiB. Send fewer or smaller images.")
    return bytes(body)


async def abandon_when_gone(http: Request, generation: Generation) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
    generation.abandon()


def internal() -> DiptychError:
    return DiptychError("Something went wrong in the VLM server. Its log says what.")


def new_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"


def main() -> None:
    """Load the model that the settings name and serve it until stopped."""
    settings = VlmSettings.from_environment()
    set_up_logging()
    set_up_tracing("vlm", settings)
    disable_progress_bar()
    try:
        engine = Engine(load(settings), settings)
    except FolderRefused as problem:
        sys.exit(f"The VLM server cannot start: {problem}")
    metrics = ServerMetrics()
    metrics.watch_gpu(gpu_memory(engine.vlm.model.device))
    expose(metrics.registry, settings)
    app = create_app(engine, settings, metrics)
    uvicorn.run(
        app,
        host=settings.vlm_host,
        port=settings.vlm_port,
        timeout_graceful_shutdown=5,
        server_header=False,
        log_config=None,
    )


if __name__ == "__main__":
    main()
