"""`POST /v1/chat/completions`: one turn of a stateless conversation, streamed or whole, in OpenAI's form."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from orchestrator.api.body import DiptychOptions
from orchestrator.api.chat_conversation import fill
from orchestrator.api.chat_format import chunks, frames, whole
from orchestrator.api.chat_schema import ChatRequest
from orchestrator.api.models import check_model
from orchestrator.api.sse import HEADERS, with_pauses
from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.loop import AgentLoop
from orchestrator.tools.base import ToolContext
from orchestrator.vlm.client import Sampling
from orchestrator.wiring import OwnerDep, Services, ServicesDep

router = APIRouter()
HEADERS_AFTER_S = 10.0


@router.post("/v1/chat/completions", response_model=None)
async def create_chat_completion(body: ChatRequest, services: ServicesDep, owner: OwnerDep) -> Response:
    """Answer the last message of a conversation."""
    check_model(body.model)
    conversation = Conversation(services.store, services.settings.max_images)
    await fill(conversation, body.messages, services, owner)
    turn = services.turns.start(_loop(body, conversation, services, owner).run())
    only_json = body.document is not None
    if not body.stream:
        return JSONResponse(await whole(turn, only_json=only_json))
    include_usage = body.stream_options is not None and body.stream_options.include_usage
    extended = body.diptych is not None
    stream = chunks(turn, include_usage=include_usage, extended=extended, only_json=only_json)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.wait({first}, timeout=HEADERS_AFTER_S)
    if first.done():
        first.result()  # an error before the first byte is an HTTP status of its own
    return StreamingResponse(with_pauses(frames(first, stream)), media_type="text/event-stream", headers=HEADERS)


def _loop(body: ChatRequest, conversation: Conversation, services: Services, owner: str) -> AgentLoop:
    settings = services.settings
    context = ToolContext(
        conversation=conversation,
        dispatcher=services.dispatcher,
        links=services.links,
        options=(body.diptych or DiptychOptions()).painting,
        owner=owner,
        job_s=settings.job_s,
        result_chars=settings.result_chars,
    )
    sampling = Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        seed=body.seed,
        stop=body.stops,
        response_format=body.document,
    )
    bounds = Bounds(settings.max_steps, settings.max_calls, settings.max_format_errors, settings.turn_s)
    return AgentLoop(services.vlm, context, sampling, bounds, body.functions)
