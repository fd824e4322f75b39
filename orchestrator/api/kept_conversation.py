"""A conversation from the records, opened so that more can be read into it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.api.responses_conversation import InputReader
from orchestrator.conversation import Conversation
from orchestrator.conversation_turns import input_addition
from orchestrator.items import Item
from orchestrator.records.conversation_items import Addition
from orchestrator.records.conversations import Seen
from orchestrator.wiring import Services
from shared.errors import NotFound


@dataclass(frozen=True)
class KeptConversation:
    seen: Seen
    listed: tuple[dict[str, Any], ...]
    """Its items so far."""
    reader: InputReader

    def added(self) -> Addition:
        """What has been read into it since it was opened."""
        return input_addition(self.reader.listed, self.reader.spans, (item["id"] for item in self.listed))


def reader_of(items: Iterable[Item], services: Services, owner: str) -> InputReader:
    """Reads input behind these items."""

    async def find_item(item_id: str) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(services.responses.item, item_id, owner)
        except NotFound:
            return await asyncio.to_thread(services.conversation_items.find, item_id, owner)

    conversation = Conversation.from_items(items, services.store, services.settings.max_images)
    return InputReader(conversation, services, owner, find_item)


async def open_conversation(conversation_id: str, services: Services, owner: str) -> KeptConversation:
    """A conversation as it is now. Raises NotFound."""
    # Its version is read first: whatever joins it afterwards is noticed when something is added.
    seen = await asyncio.to_thread(services.conversations.get, conversation_id, owner)
    listed = await asyncio.to_thread(services.conversation_items.listed, conversation_id)
    items = await asyncio.to_thread(services.conversation_items.remembered, conversation_id)
    return KeptConversation(seen, listed, reader_of(items, services, owner))
