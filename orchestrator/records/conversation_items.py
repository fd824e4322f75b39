"""The record of what was said in conversations: items as they are listed, and what a VLM is shown of each.

Items have numbers that only rise; one that is deleted leaves all others where they are. Methods block for milliseconds.
"""

import time
from typing import Any

import sqlalchemy as sa

from orchestrator.forgetting import Remembered, forget
from orchestrator.items import Item, ToolCall, ToolResult
from orchestrator.records.conversation_tables import conversations, folded, items, memory, opening_of, said_in
from orchestrator.records.conversations import Seen, hold
from shared.errors import InvalidRequest, NotFound
from shared.jobs import Frozen

Body = dict[str, Any]


class Addition(Frozen):
    """Something that is added to a conversation, whole or not at all."""

    listed: tuple[Body, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    """What a VLM is shown of them, in its order."""


class ConversationItemRecords:
    """All reads and writes of items. The conversation itself must have been found before."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(self, seen: Seen, metadata: dict[str, str], addition: Addition) -> None:
        """A new conversation that begins with these items."""
        now = time.time()
        row = {"created_at": now, "active_at": now, "metadata": metadata, "title": folded(metadata.get("title", ""))}
        with self._engine.begin() as connection:
            connection.execute(conversations.insert().values(**seen.model_dump(), **row, next_number=0))
            _insert(connection, seen, addition)

    def add(self, seen: Seen, addition: Addition) -> None:
        """Raises NotFound, Conflict."""
        with self._engine.begin() as connection:
            hold(connection, seen)
            _insert(connection, seen, addition)

    def listed(self, conversation_id: str) -> tuple[Body, ...]:
        """All items, oldest first."""
        wanted = sa.select(items.c.body).where(items.c.conversation_id == conversation_id).order_by(items.c.number)
        with self._engine.connect() as connection:
            return tuple(connection.execute(wanted).scalars())

    def remembered(self, conversation_id: str) -> tuple[Item, ...]:
        """What a VLM is shown of it. Results whose call was deleted are left out."""
        with self._engine.connect() as connection:
            found = [row.item for _, row in _memory(connection, conversation_id)]
        called = {item.call_id for item in found if isinstance(item, ToolCall)}
        return tuple(item for item in found if not (isinstance(item, ToolResult) and item.call_id not in called))

    def page(
        self, conversation_id: str, *, limit: int, newest_first: bool, after: str | None
    ) -> tuple[list[Body], bool]:
        """At most `limit` items that follow `after`, and whether more follow. Raises InvalidRequest."""
        number = items.c.number
        wanted = sa.select(items.c.body).where(items.c.conversation_id == conversation_id)
        wanted = wanted.order_by(number.desc() if newest_first else number.asc()).limit(limit + 1)
        with self._engine.connect() as connection:
            if after is not None:
                one = sa.select(number).where(*_named(conversation_id, after))
                cursor = connection.execute(one).scalar()
                if cursor is None:
                    raise InvalidRequest("after: there is no such item in this conversation.", param="after")
                wanted = wanted.where(number < cursor if newest_first else number > cursor)
            rows = connection.execute(wanted).scalars().all()
        return list(rows[:limit]), len(rows) > limit

    def get(self, conversation_id: str, item_id: str) -> Body:
        """Raises NotFound."""
        return self._one(item_id, *_named(conversation_id, item_id))

    def find(self, item_id: str, owner: str) -> Body:
        """An item of any conversation of that owner's. Raises NotFound."""
        return self._one(item_id, items.c.id == item_id, items.c.owner == owner)

    def remove(self, seen: Seen, item_id: str) -> None:
        """Forget one item. Raises NotFound, Conflict."""
        with self._engine.begin() as connection:
            hold(connection, seen)
            gone = items.delete().where(*_named(seen.id, item_id)).returning(items.c.number)
            if connection.execute(gone).scalar() is None:
                raise _unknown(item_id)
            _forget(connection, seen.id, item_id)

    def _one(self, item_id: str, *conditions: sa.ColumnElement[bool]) -> Body:
        with self._engine.connect() as connection:
            body = connection.execute(sa.select(items.c.body).where(*conditions).limit(1)).scalar()
        if body is None:
            raise _unknown(item_id)
        return body


def conclude(connection: sa.Connection, seen: Seen, response_id: str, addition: Addition) -> None:
    """Add what came of a response to the conversation that it holds; nothing where it no longer does."""
    holding = (conversations.c.id == seen.id, conversations.c.held_by == response_id)
    values = {"version": conversations.c.version + 1, "held_by": None}
    letting_go = conversations.update().where(*holding).values(values).returning(conversations.c.id)
    if connection.execute(letting_go).scalar() is not None:
        _insert(connection, seen, addition)


def _insert(connection: sa.Connection, seen: Seen, addition: Addition) -> None:
    """Blocks whoever else would: the conversation's row is the caller's."""
    step = max(len(addition.listed), len(addition.remembered))
    values = {"next_number": conversations.c.next_number + step, "active_at": time.time()}
    counted = conversations.update().where(conversations.c.id == seen.id).values(values)
    start = connection.execute(counted.returning(conversations.c.next_number)).scalar_one() - step
    listed = [_row(seen, start + at, body) for at, body in enumerate(addition.listed)]
    if listed:
        connection.execute(items.insert(), listed)
    remembered = [
        {"conversation_id": seen.id, "number": start + at} | row.model_dump(mode="json")
        for at, row in enumerate(addition.remembered)
    ]
    if remembered:
        connection.execute(memory.insert(), remembered)


def _row(seen: Seen, number: int, body: Body) -> dict[str, Any]:
    found = {"said": folded(said_in(body)), "opening": opening_of(body)}
    return {"conversation_id": seen.id, "owner": seen.owner, "number": number, "id": body["id"], "body": body} | found


def _memory(connection: sa.Connection, conversation_id: str) -> list[tuple[int, Remembered]]:
    wanted = sa.select(memory).where(memory.c.conversation_id == conversation_id).order_by(memory.c.number)
    rows = connection.execute(wanted).mappings()
    return [(row["number"], Remembered(item_id=row["item_id"], item=row["item"])) for row in rows]


def _forget(connection: sa.Connection, conversation_id: str, item_id: str) -> None:
    wanted = sa.select(items.c.id, items.c.body).where(items.c.conversation_id == conversation_id)
    bodies = {row.id: row.body for row in connection.execute(wanted)}
    rows = _memory(connection, conversation_id)
    for (number, old), new in zip(rows, forget([row for _, row in rows], item_id, bodies), strict=True):
        place = (memory.c.conversation_id == conversation_id, memory.c.number == number)
        if new is None:
            connection.execute(memory.delete().where(*place))
        elif new != old:
            connection.execute(memory.update().where(*place).values(new.model_dump(mode="json")))


def _named(conversation_id: str, item_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return items.c.conversation_id == conversation_id, items.c.id == item_id


def _unknown(item_id: str) -> NotFound:
    return NotFound(f"There is no item {item_id[:80]!r}. It may have been deleted or never stored.")
