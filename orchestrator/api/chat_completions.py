"""`POST /v1/chat/completions`: one turn of a stateless conversation, streamed or whole, in OpenAI's form."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from orchestrator.api.body import DiptychOptions
from orchestrator.api.chat_conversation import fill
from orchestrator.api.chat_format import ChatForm, chunks, frames, whole
from orchestrator.api.chat_objects import ANSWERS
from orchestrator.api.chat_schema import INT64, ChatRequest
from orchestrator.api.models import check_model
from orchestrator.api.sse import HEADERS, MEDIA_TYPE, with_pauses
from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.loop import AgentLoop
from orchestrator.tools.base import ToolContext
from orchestrator.tracing import traced_turn
from orchestrator.turn_reading import TurnReading
from orchestrator.turns import Turn
from orchestrator.vlm.client import Sampling
from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.jobs import MAX_SEED

router = APIRouter()
HEADERS_AFTER_S = 10.0


@router.post("/v1/chat/completions", response_model=None, responses=ANSWERS)
async def create_chat_completion(body: ChatRequest, services: ServicesDep, owner: OwnerDep) -> Response:
    """Answer the last message of a conversation."""
    check_model(body.model)
    conversation = Conversation(services.store, services.settings.max_images)
    await fill(conversation, body.messages, services, owner)
    turns = _start(body, conversation, services, owner)
    form = ChatForm(
        include_usage=body.stream_options is not None and body.stream_options.include_usage is True,
        extended=body.diptych is not None,
        only_json=body.document is not None,
    )
    if not body.stream:
        return JSONResponse(await whole(turns, form))
    stream = chunks(turns, form)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.wait({first}, timeout=HEADERS_AFTER_S)
    if first.done():
        first.result()  # an error before the first byte is an HTTP status of its own
    return StreamingResponse(with_pauses(frames(first, stream)), media_type=MEDIA_TYPE, headers=HEADERS)


def _start(body: ChatRequest, conversation: Conversation, services: Services, owner: str) -> list[Turn]:
    """One turn for each choice that is asked for, side by side; each goes on from the same conversation."""
    store, max_images = services.store, services.settings.max_images
    copies = [Conversation.from_items(conversation.items, store, max_images) for _ in range(body.n or 1)]
    loops = [_loop(body, copy, services, owner, choice=choice) for choice, copy in enumerate(copies)]
    return [services.turns.start(traced_turn(loop.run())) for loop in loops]


def _loop(body: ChatRequest, conversation: Conversation, services: Services, owner: str, *, choice: int) -> AgentLoop:
    settings = services.settings
    options = (body.diptych or DiptychOptions()).painting
    context = ToolContext(
        conversation=conversation,
        dispatcher=services.dispatcher,
        links=services.links,
        options=replace(options, seed=later_seed(options.seed, choice, MAX_SEED + 1)),
        owner=owner,
        job_s=settings.job_s,
        result_chars=settings.result_chars,
    )
    sampling = Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        seed=later_seed(body.seed, choice, INT64),
        stop=body.stops,
        response_format=body.document,
    )
    bounds = Bounds(settings.max_steps, settings.max_calls, settings.max_format_errors, settings.turn_s)
    functions = body.functions.leaving_out(settings.left_out)
    reading = TurnReading(services.planner, conversation, owner)
    return AgentLoop(services.vlm, context, sampling, bounds, functions, reading=reading)


def later_seed(seed: int | None, choice: int, bound: int) -> int | None:
    """The seed of a further choice: choices that shared one would be the same. Stays below `bound`."""
    return None if seed is None else (seed + choice if seed + choice < bound else seed + choice - bound)
