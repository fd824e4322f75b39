"""`/v1/responses`: turns that are recorded, can be continued, followed again from any event on, and stopped."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from orchestrator.api import responses_replay as replay
from orchestrator.api import sse
from orchestrator.api.responses_document import RESPONSE, STREAMED, InputItemList, ResponseDeleted, answers
from orchestrator.api.responses_pictures import Pictures, listed
from orchestrator.api.responses_schema import ResponseRequest
from orchestrator.api.responses_start import start
from orchestrator.response_runs import ResponseRun
from orchestrator.turns import failure
from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.errors import InvalidRequest, Stopping
from shared.events import TurnFailed

router = APIRouter()
LAST = ("response.completed", "response.failed", "response.incomplete")
Number = Annotated[int, Query(ge=-1, lt=2**31)]


@router.post("/v1/responses", response_model=None, responses=STREAMED)
async def create_response(body: ResponseRequest, services: ServicesDep, owner: OwnerDep) -> Response:
    """Answer the input, as OpenAI's Responses API does: whole, streamed, or in the background."""
    run = await start(body, services, owner, unheard=not (body.stream or body.background))
    if body.stream:
        return _streamed(run.events.follow(), services)
    if not body.background:
        await _completed(run)
    return JSONResponse(await Pictures(services.store).rendered(run.response))


@router.get("/v1/responses/{response_id}", response_model=None, responses=STREAMED)
async def get_response(
    *,
    response_id: str,
    services: ServicesDep,
    owner: OwnerDep,
    stream: bool = False,
    starting_after: Number = -1,
) -> Response:
    """A response as it is now; with `stream`, its events behind `starting_after`, byte for byte as they were sent."""
    record = await replay.find(response_id, services, owner)
    if stream:
        return _streamed(replay.follow(response_id, services, owner, starting_after), services)
    return JSONResponse(await Pictures(services.store).rendered(record.body))


@router.delete(
    "/v1/responses/{response_id}",
    response_model=None,
    responses=answers(ResponseDeleted, "It is gone, with its items and events."),
)
async def delete_response(response_id: str, services: ServicesDep, owner: OwnerDep) -> dict[str, Any]:
    """Forget a response; one that runs is stopped first."""
    record = await replay.cancel(response_id, services, owner)
    if record.body["store"]:
        await asyncio.to_thread(services.responses.delete, response_id, owner)
    return {"id": response_id, "object": "response", "deleted": True}


@router.post("/v1/responses/{response_id}/cancel", response_model=None, responses=RESPONSE)
async def cancel_response(response_id: str, services: ServicesDep, owner: OwnerDep) -> Response:
    """Stop a response with all its jobs. One that has ended stays as it is."""
    record = await replay.cancel(response_id, services, owner)
    return JSONResponse(await Pictures(services.store).rendered(record.body))


@router.get(
    "/v1/responses/{response_id}/input_items",
    response_model=None,
    responses=answers(InputItemList, "A page of the items."),
)
async def list_input_items(
    *,
    response_id: str,
    services: ServicesDep,
    owner: OwnerDep,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> dict[str, Any]:
    """The items that the response was made from, those of the responses before it included."""
    items = list((await replay.find(response_id, services, owner)).input)
    if order == "desc":
        items.reverse()
    if after is not None:
        ids = [item["id"] for item in items]
        if after not in ids:
            raise InvalidRequest("after: there is no such item among the input items.", param="after")
        items = items[ids.index(after) + 1 :]
    page = [listed(await Pictures(services.store).rendered(item), services.links) for item in items[:limit]]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > limit,
    }


async def _completed(run: ResponseRun) -> None:
    """Wait for the end. Raises DiptychError where the turn failed: the client has not seen a byte yet."""
    async for _ in run.events.follow():
        pass
    last = run.turn.events.last
    if isinstance(last, TurnFailed):
        raise failure(last)
    if run.record.running:  # somebody else goes on with it
        raise Stopping


def _streamed(events: Any, services: Services) -> StreamingResponse:
    async def frames() -> AsyncGenerator[bytes, None]:
        pictures = Pictures(services.store)
        kind = ""
        async for event in events:
            kind = event["type"]
            yield sse.frame(await pictures.rendered(event), kind)
        if kind and kind not in LAST:
            raise sse.CutOff

    return StreamingResponse(sse.with_pauses(frames()), media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
