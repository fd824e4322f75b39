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
from orchestrator.links import Links
from orchestrator.records.conversation_items import ConversationItemRecords
from orchestrator.records.conversations import ConversationRecords
from orchestrator.records.idempotency import IdempotencyRecords
from orchestrator.records.responses import ResponseRecords
from orchestrator.response_runs import ResponseRuns
from orchestrator.settings import OrchestratorSettings
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
    vlm: VisionLanguageModel
    links: Links
    uploads: Uploads
    files: Files
    idempotency: IdempotencyRecords
    turns: TurnRunner
    responses: ResponseRecords
    conversations: ConversationRecords
    conversation_items: ConversationItemRecords
    runs: ResponseRuns


def services_of(request: HTTPConnection) -> Services:
    return request.app.state.services


def has_key(request: HTTPConnection, settings: OrchestratorSettings) -> bool:
    """Whether the request may do everything: it carries the key, or none is set."""
    key = settings.api_key.get_secret_value()
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return not key or (scheme.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), key.encode()))


def owner_of(request: HTTPConnection) -> str:
    """Who is asking. Raises Unauthorized."""
    settings = services_of(request).settings
    if not has_key(request, settings):
        raise Unauthorized("The API key is missing or wrong. Send it as `Authorization: Bearer <key>`.")
    return settings.key_owner


BEARER = Security(HTTPBearer(auto_error=False, description="The API key, where one is set."))
"""Only documents how the key is sent: `owner_of` judges it."""


# Coroutines, since FastAPI sends every other dependency through a thread.
async def _services(request: HTTPConnection) -> Services:
    return services_of(request)


async def _owner(request: HTTPConnection, _documented: Annotated[object, BEARER] = None) -> str:
    return owner_of(request)


ServicesDep = Annotated[Services, Depends(_services)]
OwnerDep = Annotated[str, Depends(_owner)]
