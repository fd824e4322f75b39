"""Builds every object of the orchestrator once, opens and closes them. The only module that knows concrete classes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

import redis.asyncio
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from orchestrator.api import (
    artifacts,
    chat_completions,
    conversation_items,
    conversations,
    files,
    health,
    images,
    jobs,
    metrics,
    models,
    queue,
    readings,
    responses,
    responses_context,
    responses_socket,
)
from orchestrator.api.addresses import PlainAddresses
from orchestrator.api.document import install_document
from orchestrator.api.errors import DOCUMENTED, ShapeErrors, install_error_handlers
from orchestrator.api.idempotency import Idempotency
from orchestrator.api.metrics import RequestMetrics
from orchestrator.api.rate_limits import RateLimits
from orchestrator.api.request_ids import RequestIds
from orchestrator.api.responses_resume import resume_forever
from orchestrator.api.window import window_routes
from orchestrator.dispatching import open_dispatcher
from orchestrator.files import Files
from orchestrator.journal import Journal
from orchestrator.links import Links
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.migrating import migrate
from orchestrator.planner import Planner
from orchestrator.records.conversation_items import ConversationItemRecords
from orchestrator.records.conversations import ConversationRecords
from orchestrator.records.ended_jobs import EndedJobs
from orchestrator.records.files import FileRecords
from orchestrator.records.idempotency import IdempotencyRecords
from orchestrator.records.queues import QueueRecords
from orchestrator.records.responses import ResponseRecords
from orchestrator.records.running import RunningRecords
from orchestrator.response_runs import ResponseRuns
from orchestrator.seats import Seats
from orchestrator.settings import OrchestratorSettings, is_loopback
from orchestrator.turns import TurnRunner
from orchestrator.uploads import Uploads
from orchestrator.vlm.measured import MeasuredVlm
from orchestrator.vlm.openai_compatible import OpenAICompatibleVlm
from orchestrator.wiring import Services
from shared.artifacts import DirectoryArtifactStore
from shared.database import open_engine
from shared.ledger import Ledger
from shared.settings import link_secret
from shared.tasks import end

PROBES = frozenset({"/metrics", "/healthz", "/readyz"})
"""Asked for every few seconds, for nobody's sake."""
TELEMETRY: TelemetryConfig = {
    "metrics": False,  # /metrics has them
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
    "exclude": lambda scope: scope.get("path") in PROBES,
}
"""FastAPI's own spans of requests, where tracing is on."""


@contextlib.asynccontextmanager
async def open_services(settings: OrchestratorSettings) -> AsyncIterator[Services]:
    """Everything that requests use, with the reconciler running beside them."""
    settings.data.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.ledger_url)
    store = DirectoryArtifactStore(settings.artifact_folder)
    await asyncio.to_thread(migrate, engine)
    counted = OrchestratorMetrics()
    ledger = Ledger(engine, counted.jobs)
    uploads = Uploads(store)
    vlm = OpenAICompatibleVlm(
        settings.vlm_url,
        settings.vlm_name,
        settings.vlm_key.get_secret_value(),
        timeout_s=settings.vlm_timeout_s,
        busy_s=settings.vlm_busy_s,
        away_s=settings.vlm_away_s,
    )
    running = RunningRecords(engine, quick := open_engine(settings.ledger_url, quick=True))
    turns, journal = TurnRunner(counted.turns), Journal(running)
    async with (
        redis.asyncio.Redis.from_url(settings.redis_url, socket_timeout=15, socket_connect_timeout=5) as client,
        open_dispatcher(settings, engine, ledger, client, counted) as dispatcher,
        ResponseRuns(running) as runs,
    ):
        measured = MeasuredVlm(vlm, counted.vlm, settings.vlm_url)
        services = Services(
            settings=settings,
            ledger=ledger,
            store=store,
            redis=client,
            dispatcher=dispatcher,
            queues=QueueRecords(engine),
            ended_jobs=EndedJobs(engine),
            vlm=measured,
            planner=Planner(measured, dispatcher, store, settings.data, settings.inspect_s),
            links=Links(settings.base_url, link_secret(settings.data)),
            uploads=uploads,
            idempotency=IdempotencyRecords(engine, store),
            files=Files(FileRecords(engine), store, uploads),
            turns=turns,
            seats=Seats(settings.max_turns),
            responses=ResponseRecords(engine),
            running=running,
            journal=journal,
            conversations=ConversationRecords(engine),
            conversation_items=ConversationItemRecords(engine),
            runs=runs,
            metrics=counted,
        )
        resuming = asyncio.create_task(resume_forever(services))
        yield services
        await end(resuming)
        await turns.close()
        await services.planner.close()
    journal.close()
    quick.dispose()
    await vlm.aclose()
    ledger.close()


def create_app(
    settings: OrchestratorSettings,
    open_all: Callable[[OrchestratorSettings], AbstractAsyncContextManager[Services]] = open_services,
) -> FastAPI:
    """The ASGI application around the services that `open_all` opens while it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_all(settings) as services:
            app.state.services = services
            yield

    app = FastAPI(title="Diptych", lifespan=lifespan, telemetry=TELEMETRY)
    install_error_handlers(app)
    install_document(app)
    answering = (chat_completions, responses, responses_context, responses_socket, images)
    for module in (
        *answering,
        conversations,
        conversation_items,
        files,
        models,
        jobs,
        readings,
        queue,
        artifacts,
        health,
        metrics,
    ):
        app.include_router(module.router, responses=DOCUMENTED)
    app.router.routes.extend(window_routes())
    # Each middleware is outside of those added before it.
    app.add_middleware(PlainAddresses)
    app.add_middleware(RateLimits)
    app.add_middleware(Idempotency)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_body_mb * 1024 * 1024)
    if is_loopback(settings.host):  # a page of another site must not reach us through a name of its own
        names = {"localhost", "127.0.0.1", "[::1]", "::1", urlsplit(settings.base_url).hostname or "localhost"}
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=sorted(names), www_redirect=False)
    app.add_middleware(ShapeErrors)  # the two before it answer in plain text
    app.add_middleware(RequestIds)
    app.add_middleware(RequestMetrics)
    return app
