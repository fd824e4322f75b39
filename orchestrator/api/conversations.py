"""`/v1/conversations`: made, named, found again, forgotten; in OpenAI's form, with a list and search beside it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query

from orchestrator.api.conversations_schema import (
    ConversationDeleted,
    ConversationEntry,
    ConversationList,
    ConversationObject,
    Limit,
    NewConversation,
    NewMetadata,
    Order,
)
from orchestrator.api.kept_conversation import reader_of
from orchestrator.conversation_turns import input_addition
from orchestrator.items import new_item_id
from orchestrator.records.conversations import ConversationRecord, Seen
from orchestrator.wiring import OwnerDep, ServicesDep

router = APIRouter()
EMPTY = NewConversation()


def shown(record: ConversationRecord) -> ConversationObject:
    return ConversationObject(
        id=record.id,
        created_at=int(record.created_at),
        metadata=record.metadata,
        running_response_id=record.running,
        unkept_response_id=record.unkept,
    )


@router.post("/v1/conversations")
async def create_conversation(
    services: ServicesDep, owner: OwnerDep, body: NewConversation = EMPTY
) -> ConversationObject:
    """A new conversation, with up to 20 items to begin with."""
    reader = reader_of((), services, owner)
    await reader.read(body.items, complete=False)
    addition = input_addition(reader.listed, reader.spans, ())
    seen = Seen(id=new_item_id("conv"), owner=owner, version=0)
    await asyncio.to_thread(services.conversation_items.create, seen, body.metadata or {}, addition)
    services.planner.arrived(reader.conversation.brought_pictures, owner)
    return shown(await asyncio.to_thread(services.conversations.get, seen.id, owner))


@router.get("/v1/conversations")
async def list_conversations(
    *,
    services: ServicesDep,
    owner: OwnerDep,
    query: Annotated[str, Query(max_length=200)] = "",
    after: str | None = None,
    limit: Annotated[Limit, Query()] = 20,
    order: Order = "desc",
) -> ConversationList:
    """One's own conversations by their last activity; with `query`, those in whose title or messages it stands.

    An extension of OpenAI's API.
    """
    records, has_more = await asyncio.to_thread(
        services.conversations.page, owner, query=query, limit=limit, newest_first=order == "desc", after=after
    )
    data = [_entry(record) for record in records]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return ConversationList(data=data, first_id=first, last_id=last, has_more=has_more)


@router.get("/v1/conversations/{conversation_id}")
async def get_conversation(conversation_id: str, services: ServicesDep, owner: OwnerDep) -> ConversationObject:
    """What is known of a conversation."""
    return shown(await asyncio.to_thread(services.conversations.get, conversation_id, owner))


@router.post("/v1/conversations/{conversation_id}")
async def update_conversation(
    conversation_id: str, body: NewMetadata, services: ServicesDep, owner: OwnerDep
) -> ConversationObject:
    """Replace its metadata. `title` in it is what the conversation is listed under."""
    metadata = body.metadata or {}
    return shown(await asyncio.to_thread(services.conversations.set_metadata, conversation_id, owner, metadata))


@router.delete("/v1/conversations/{conversation_id}")
async def delete_conversation(conversation_id: str, services: ServicesDep, owner: OwnerDep) -> ConversationDeleted:
    """Forget a conversation with its items. Responses that were given in it are kept until they are deleted."""
    await asyncio.to_thread(services.conversations.delete, conversation_id, owner)
    return ConversationDeleted(id=conversation_id)


def _entry(record: ConversationRecord) -> ConversationEntry:
    return ConversationEntry(**shown(record).model_dump(), title=record.title, last_active_at=int(record.active_at))
