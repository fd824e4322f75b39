"""What a VLM is shown of a conversation after one of its items was deleted. Knows no storage."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.items import Compaction, ImagePart, Item, Message, Removed, ToolResult
from shared.jobs import Frozen


class Remembered(Frozen):
    """Something that a VLM is shown, and the listed item to which it belongs."""

    item_id: str
    item: Item


def forget(rows: Sequence[Remembered], item_id: str, listed: Mapping[str, dict[str, Any]]) -> list[Remembered | None]:
    """The same rows; None for those that are gone with the item. `listed` are the items that stay, by id.

    Its pictures are shown again with a later message of the user's: they are taken out there too, except where that
    item has the picture itself. All other handles stay what they were.
    """
    brought: dict[str, str | None] = {}
    known: set[str] = set()
    result: list[Remembered | None] = []
    for row in rows:
        handles = _handles(row.item)
        if row.item_id != item_id:
            known |= handles.keys()
            result.append(_without(row, brought, json.dumps(listed.get(row.item_id))))
            continue
        brought |= {handle: artifact for handle, artifact in handles.items() if handle not in known}
        result.append(None)
    first = next((at for at, row in enumerate(rows) if row.item_id == item_id), None)
    if first is not None and brought:
        result[first] = Remembered(item_id="", item=Removed(handles=tuple(brought)))
    return result


def _without(row: Remembered, gone: Mapping[str, str | None], listed: str) -> Remembered:
    if not isinstance(row.item, Message):
        return row
    parts = tuple(
        part
        for part in row.item.parts
        if not (isinstance(part, ImagePart) and part.handle in gone and part.artifact not in listed)
    )
    return row.model_copy(update={"item": row.item.model_copy(update={"parts": parts})})


def _handles(item: Item) -> dict[str, str | None]:
    """The handles in an item, with the artifacts of those that are pictures."""
    if isinstance(item, Message):
        return {part.handle: part.artifact for part in item.parts if isinstance(part, ImagePart)}
    if isinstance(item, Compaction):
        return {made.handle: made.artifact for made in item.pictures} | {text.handle: None for text in item.texts}
    if isinstance(item, ToolResult):
        pictures = {item.picture.handle: item.picture.artifact} if item.picture else {}
        return pictures | ({item.text.handle: None} if item.text else {})
    return {}
