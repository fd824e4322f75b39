"""The objects that requests use, built once per process and found through FastAPI's dependencies."""

import secrets
from dataclasses import dataclass
from typing import Annotated

import redis.asyncio
from fastapi import Depends, Security
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBearer

from orchestrator.dispatch import JobDispatcher
from orchestrator.files import Files
from orchestrator.journal import Journal
from orchestrator.links import Links
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.planner import Planner
from orchestrator.recording import Recorded
from orchestrator.records.conversation_items import ConversationItemRecords
from orchestrator.records.conversations import ConversationRecords
from orchestrator.records.ended_jobs import EndedJobs
from orchestrator.records.idempotency import IdempotencyRecords
from orchestrator.records.queues import QueueRecords
from orchestrator.records.responses import ResponseRecord, ResponseRecords
from orchestrator.records.running import Attempt, RunningRecords
from orchestrator.response_runs import ResponseRuns
from orchestrator.seats import Seats
from orchestrator.settings import LOCAL, OrchestratorSettings, owner_of_key
from orchestrator.turns import TurnRunner
from orchestrator.uploads import Uploads
from orchestrator.vlm.client import VisionLanguageModel
from shared.artifacts import ArtifactStore
from shared.errors import Unauthorized
from shared.ledger import Ledger


@dataclass(frozen=True)
class Services:
    settings: OrchestratorSettings
    ledger: Ledger
    store: ArtifactStore
    redis: redis.asyncio.Redis
    dispatcher: JobDispatcher
    queues: QueueRecords
    ended_jobs: EndedJobs
    vlm: VisionLanguageModel
    planner: Planner
    links: Links
    uploads: Uploads
    files: Files
    idempotency: IdempotencyRecords
    turns: TurnRunner
    seats: Seats
    responses: ResponseRecords
    running: RunningRecords
    journal: Journal
    conversations: ConversationRecords
    conversation_items: ConversationItemRecords
    runs: ResponseRuns
    metrics: OrchestratorMetrics

    def recorded(self, record: ResponseRecord, attempt: Attempt) -> Recorded:
        """The recording of a response that this process runs."""
        assert record.begun is not None  # noqa: S101 - it runs
        return Recorded(attempt, record.begun, self.journal, self.running, self.responses)


def services_of(request: HTTPConnection) -> Services:
    return request.app.state.services


def key_owner(request: HTTPConnection, settings: OrchestratorSettings) -> str | None:
    """Whose key the request carries; LOCAL where none is asked for, None where it carries none that is right."""
    if not settings.keys:
        return LOCAL
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    # All are compared, so that the time tells nothing of which one was nearly right.
    right = [key for key in settings.keys if secrets.compare_digest(given.strip().encode(), key.encode())]
    return owner_of_key(right[0]) if right else None


def owner_of(request: HTTPConnection) -> str:
    """Who is asking. Raises Unauthorized."""
    owner = key_owner(request, services_of(request).settings)
    if owner is None:
        raise Unauthorized("The API key is missing or wrong. Send it as `Authorization: Bearer <key>`.")
    return owner


BEARER = Security(HTTPBearer(auto_error=False, description="The API key, where one is set."))
"""Only documents how the key is sent: `owner_of` judges it."""


# Coroutines, since FastAPI sends every other dependency through a thread.
async def _services(request: HTTPConnection) -> Services:
    return services_of(request)


async def _owner(request: HTTPConnection, _documented: Annotated[object, BEARER] = None) -> str:
    return owner_of(request)


ServicesDep = Annotated[Services, Depends(_services)]
OwnerDep = Annotated[str, Depends(_owner)]
