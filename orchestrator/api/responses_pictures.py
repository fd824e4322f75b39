"""Pictures inside responses: kept as references to artifacts, and set in as base64 when something is sent.

So events and items can be stored small, and render to the same bytes each time.
"""

import asyncio
import base64
import copy
from typing import Any

from orchestrator.links import Links
from orchestrator.pictures import Encoding, encode
from shared.artifacts import ArtifactStore

SOURCE = "source"
"""Where an item keeps the picture as it was made, which is what it stands for when it is used again."""


def reference(artifact_id: str) -> dict[str, str]:
    """What stands in an item or event in place of base64. No value that a client sends ends up in its place."""
    return {"artifact": artifact_id}


class Pictures:
    """Encodes and keeps the pictures of one response, and sets pictures into what is sent."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    async def encoded(self, artifact_id: str, encoding: Encoding) -> str:
        """The artifact of one of our own PNGs in the encoding that was asked for."""
        return await asyncio.to_thread(self._encode, artifact_id, encoding)

    async def keep_preview(self, jpeg_base64: str) -> str:
        """The artifact of a preview."""
        return await asyncio.to_thread(self._store.put, base64.b64decode(jpeg_base64), "image/jpeg")

    async def rendered(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event, a response or an item with its pictures in it. Raises NotFound where one was deleted."""
        places = _places(event)
        if not places:
            return event
        rendered = copy.deepcopy(event)
        for place, key in _places(rendered):
            data = await asyncio.to_thread(self._store.get, place[key]["artifact"])
            place[key] = base64.b64encode(data).decode()
            place.pop(SOURCE, None)
        return rendered

    def _encode(self, artifact_id: str, encoding: Encoding) -> str:
        return self._store.put(encode(self._store.get(artifact_id), encoding), encoding.media_type)


def listed(item: dict[str, Any], links: Links) -> dict[str, Any]:
    """An input item as it is listed: with links to its pictures."""
    if item["type"] != "message":
        return item
    content = [
        part | {"image_url": links.link(part["image_url"]["artifact"])} if part["type"] == "input_image" else part
        for part in item["content"]
    ]
    return item | {"content": content}


def _places(event: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Where the references stand: each a mapping and its key."""
    response = event if event.get("object") == "response" else event.get("response", {})
    items = [event, event.get("item", {}), *response.get("output", ())]
    found = [(item, "result") for item in items if isinstance(item.get("result"), dict)]
    if "partial_image_b64" in event:
        found.append((event, "partial_image_b64"))
    return [(place, key) for place, key in found if "artifact" in place[key]]
