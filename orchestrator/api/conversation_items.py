"""`/v1/conversations/{id}/items`: what was said in a conversation, in the form of the Responses API's items."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from orchestrator.api.conversations import shown
from orchestrator.api.conversations_schema import (
    ConversationObject,
    Includable,
    ItemList,
    Limit,
    ListedItem,
    NewItems,
    Order,
)
from orchestrator.api.kept_conversation import open_conversation
from orchestrator.api.responses_document import answers
from orchestrator.api.responses_pictures import Pictures, listed
from orchestrator.wiring import OwnerDep, Services, ServicesDep

router = APIRouter()
Include = Annotated[list[Includable] | None, Query(alias="include[]")]


@router.post(
    "/v1/conversations/{conversation_id}/items", response_model=None, responses=answers(ItemList, "The new items.")
)
async def create_items(
    *, conversation_id: str, body: NewItems, services: ServicesDep, owner: OwnerDep, include: Include = None
) -> dict[str, Any]:
    """Add up to 20 items at the end, all or none of them."""
    kept = await open_conversation(conversation_id, services, owner)
    await kept.reader.read(body.items, complete=False)
    addition = kept.added()
    await asyncio.to_thread(services.conversation_items.add, kept.seen, addition)
    services.planner.arrived(kept.reader.conversation.brought_pictures, owner)
    return await _page(addition.listed, services, has_more=False)


@router.get(
    "/v1/conversations/{conversation_id}/items", response_model=None, responses=answers(ItemList, "A page of items.")
)
async def list_items(
    *,
    conversation_id: str,
    services: ServicesDep,
    owner: OwnerDep,
    after: str | None = None,
    limit: Annotated[Limit, Query()] = 20,
    order: Order = "desc",
    include: Include = None,
) -> dict[str, Any]:
    """The items of a conversation, newest first unless the order says otherwise."""
    await asyncio.to_thread(services.conversations.get, conversation_id, owner)
    items, has_more = await asyncio.to_thread(
        services.conversation_items.page, conversation_id, limit=limit, newest_first=order == "desc", after=after
    )
    return await _page(items, services, has_more=has_more)


@router.get(
    "/v1/conversations/{conversation_id}/items/{item_id}",
    response_model=None,
    responses=answers(ListedItem, "The item."),
)
async def get_item(
    *, conversation_id: str, item_id: str, services: ServicesDep, owner: OwnerDep, include: Include = None
) -> dict[str, Any]:
    """One item of a conversation."""
    await asyncio.to_thread(services.conversations.get, conversation_id, owner)
    item = await asyncio.to_thread(services.conversation_items.get, conversation_id, item_id)
    return await _rendered(item, services)


@router.delete("/v1/conversations/{conversation_id}/items/{item_id}")
async def delete_item(conversation_id: str, item_id: str, services: ServicesDep, owner: OwnerDep) -> ConversationObject:
    """Take one item out; the model is not shown it any more. All others stay, pictures keep their names."""
    seen = await asyncio.to_thread(services.conversations.get, conversation_id, owner)
    await asyncio.to_thread(services.conversation_items.remove, seen, item_id)
    return shown(seen)


async def _page(items: Sequence[dict[str, Any]], services: Services, *, has_more: bool) -> dict[str, Any]:
    data = [await _rendered(item, services) for item in items]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}


async def _rendered(item: dict[str, Any], services: Services) -> dict[str, Any]:
    return listed(await Pictures(services.store).rendered(item), services.links)
