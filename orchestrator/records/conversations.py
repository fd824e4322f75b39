"""The record of conversations: whose each is, what it is called, when it was last active, and who may add to it now.

Whoever adds to a conversation names the version that was read, and no response may hold it: so of two at once, in
whatever processes, one is refused. Those of another owner are as if they had never been. Methods block for
milliseconds. Knows no models and no HTTP.
"""

from typing import Any

import sqlalchemy as sa

from orchestrator.records.conversation_tables import conversations, folded, items, memory
from orchestrator.records.paging import page_of
from orchestrator.records.responses import responses
from shared.errors import Conflict, NotFound
from shared.jobs import Frozen

UNKNOWN = "There is no such conversation. It may have been deleted, or the id is misspelt."
LOCKED = "Another request is adding to this conversation. Try again when it is done."


class Seen(Frozen):
    """A conversation as somebody read it."""

    id: str
    owner: str
    version: int


class ConversationRecord(Seen):
    created_at: float
    active_at: float
    """When something was last added to it."""
    metadata: dict[str, str]
    opening: str | None = None
    """The first words that the user said."""
    running: str | None = None
    """The response that is being given in it now."""
    unkept: str | None = None
    """The last response where it failed or was cancelled, and so added nothing; until something is added."""

    @property
    def title(self) -> str | None:
        return self.metadata.get("title") or self.opening


class ConversationRecords:
    """Reads and writes of conversations as wholes; their items are `ConversationItemRecords`'."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, conversation_id: str, owner: str) -> ConversationRecord:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(_shown().where(*named(conversation_id, owner))).mappings().first()
        if row is None:
            raise NotFound(UNKNOWN)
        return ConversationRecord.model_validate(dict(row))

    def set_metadata(self, conversation_id: str, owner: str, values: dict[str, str]) -> ConversationRecord:
        """Raises NotFound."""
        changed = {"metadata": values, "title": folded(values.get("title", ""))}
        with self._engine.begin() as connection:
            connection.execute(conversations.update().where(*named(conversation_id, owner)).values(changed))
        return self.get(conversation_id, owner)

    def delete(self, conversation_id: str, owner: str) -> None:
        """Forget it with its items. A response that runs in it adds nothing any more. Raises NotFound."""
        gone = conversations.delete().where(*named(conversation_id, owner)).returning(conversations.c.id)
        with self._engine.begin() as connection:
            if connection.execute(gone).scalar() is None:
                raise NotFound(UNKNOWN)
            for table in (items, memory):
                connection.execute(table.delete().where(table.c.conversation_id == conversation_id))

    def page(
        self, owner: str, *, query: str, limit: int, newest_first: bool, after: str | None
    ) -> tuple[list[ConversationRecord], bool]:
        """At most `limit` conversations that follow `after` by activity, and whether more follow. Raises NotFound.

        With a `query`, those in whose title or messages it stands.
        """
        order = (conversations.c.active_at, conversations.c.id)
        wanted = _shown().where(conversations.c.owner == owner)
        if query:
            wanted = wanted.where(_mentions(folded(query)))
        cursor = None if after is None else self.get(after, owner)
        place = None if cursor is None else (cursor.active_at, cursor.id)
        page = page_of(wanted, order, after=place, limit=limit, newest_first=newest_first)
        with self._engine.connect() as connection:
            rows = connection.execute(page).mappings().all()
        return [ConversationRecord.model_validate(dict(row)) for row in rows[:limit]], len(rows) > limit


def hold(connection: sa.Connection, seen: Seen, response_id: str | None = None) -> None:
    """Begin to add to a conversation; a response holds it until it has ended.

    Raises:
        NotFound: it was deleted.
        Conflict: somebody adds to it, or has done so since it was read.
    """
    # The version counts also this: a rival that waited for the row would not see the response that holds it now.
    values = {"version": conversations.c.version + 1, "held_by": response_id}
    free = (conversations.c.version == seen.version, sa.not_(_holder().exists()))
    taking = conversations.update().where(*named(seen.id, seen.owner), *free).values(values)
    if connection.execute(taking.returning(conversations.c.id)).scalar() is None:
        known = sa.select(conversations.c.id).where(*named(seen.id, seen.owner))
        if connection.execute(known).scalar() is None:
            raise NotFound(UNKNOWN)
        raise Conflict(LOCKED, code="conversation_locked")


def named(conversation_id: str, owner: str) -> tuple[sa.ColumnElement[bool], ...]:
    return conversations.c.id == conversation_id, conversations.c.owner == owner


def _holder(*, runs: bool = True) -> sa.Select[Any]:
    """The response that holds a conversation, if it runs; or the one that held it and ended without adding to it."""
    wanted = (responses.c.id == conversations.c.held_by, responses.c.running.is_(runs))
    return sa.select(responses.c.id).where(*wanted).correlate(conversations)


def _shown() -> sa.Select[Any]:
    first = sa.select(items.c.opening).where(
        items.c.conversation_id == conversations.c.id, items.c.opening.is_not(None)
    )
    opening = first.order_by(items.c.number).limit(1).correlate(conversations).scalar_subquery()
    names = ("id", "owner", "version", "created_at", "active_at", "metadata")
    holders = {"running": _holder(), "unkept": _holder(runs=False)}
    found = {"opening": opening} | {name: holder.scalar_subquery() for name, holder in holders.items()}
    return sa.select(*(conversations.c[name] for name in names), *(one.label(name) for name, one in found.items()))


def _mentions(query: str) -> sa.ColumnElement[bool]:
    found = sa.select(items.c.id).where(
        items.c.conversation_id == conversations.c.id, items.c.said.contains(query, autoescape=True)
    )
    return conversations.c.title.contains(query, autoescape=True) | found.correlate(conversations).exists()
