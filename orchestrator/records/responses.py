"""The record of responses, in SQL beside the ledger: what was asked, what came of it, and every event that was sent.

One that runs has a lease, see `running`; only whoever holds it may change the response. Responses of another owner
are as if they had never been. Methods block for milliseconds. Knows no models and no HTTP.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from orchestrator.items import Item
from shared.database import metadata
from shared.errors import NotFound
from shared.jobs import Frozen

responses = sa.Table(
    "responses",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("running", sa.Boolean, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
    sa.Column("begun", sa.JSON(none_as_null=True)),  # until it has ended
    sa.Index("responses_running", "running"),
)
leases = sa.Table(
    "response_leases",
    metadata,
    sa.Column("response_id", sa.String(64), primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("alive_until", sa.Double, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("stalled", sa.Integer, nullable=False),
)
events = sa.Table(
    "response_events",
    metadata,
    sa.Column("response_id", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
)
named = sa.Table(
    "response_items",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("response_id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)
Body = dict[str, Any]
Beside = Callable[[sa.Connection], None]
"""Something that is written in the same transaction, and may raise to call it off."""


class Begun(Frozen):
    """What it takes to go on with a response that somebody else began."""

    request: Body
    """The request's body without its input and mask."""
    painting: Body
    """What the person decides about pictures, with the mask's artifact id."""
    place: Body | None = None
    """Where it stands in a conversation that is kept."""
    progress: Body | None = None
    """How far its turn has come; None: not past its first answer."""
    written: int = 0
    """Characters of text that had been written by then."""


class ResponseRecord(Frozen):
    """One response, whole. Pictures in it are references to artifacts."""

    id: str
    owner: str
    created_at: float
    running: bool = True
    body: Body
    """The response object."""
    input: tuple[Body, ...]
    """All input items, those of the responses before it included, as they are listed."""
    items: tuple[Item, ...] = ()
    """The conversation as far as it has come; in the end, for the next turn."""
    begun: Begun | None = None
    """While it runs."""


class ResponseRecords:
    """All reads and writes of these tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self, record: ResponseRecord, new_input: Sequence[Body], alive_s: float, beside: Beside | None = None
    ) -> None:
        """A response that begins, in its first attempt; `new_input` are the input items that it brought in itself."""
        lease = {"attempt": 1, "alive_until": time.time() + alive_s, "cancel_requested": False, "stalled": 0}
        with self._engine.begin() as connection:
            if beside is not None:
                beside(connection)
            connection.execute(responses.insert().values(record.model_dump(mode="json")))
            connection.execute(leases.insert().values(response_id=record.id, **lease))
            _name(connection, record.id, record.owner, new_input)

    def get(self, response_id: str, owner: str) -> ResponseRecord:
        """Raises NotFound."""
        with self._engine.connect() as connection:
            wanted = sa.select(responses).where(responses.c.id == response_id, responses.c.owner == owner)
            row = connection.execute(wanted).mappings().first()
        if row is None:
            raise NotFound("There is no such response. It may have been deleted or never stored.")
        return ResponseRecord.model_validate(dict(row))

    def item(self, item_id: str, owner: str) -> Body:
        """An item that a response took in or gave out. Raises NotFound."""
        wanted = sa.select(named.c.body).where(named.c.id == item_id, named.c.owner == owner).limit(1)
        with self._engine.connect() as connection:
            body = connection.execute(wanted).scalar()
        if body is None:
            raise NotFound(f"There is no item {item_id[:80]!r}. It may have been deleted or never stored.")
        return body

    def events_after(self, response_id: str, number: int) -> list[Body]:
        """The events that have been stored, in their order, behind that number."""
        wanted = sa.select(events.c.body).where(events.c.response_id == response_id, events.c.number > number)
        with self._engine.connect() as connection:
            return list(connection.execute(wanted.order_by(events.c.number)).scalars())

    def finish(self, record: ResponseRecord, attempt: int, sent: Sequence[Body], beside: Beside | None = None) -> bool:
        """Commit the end, with the last events. False: it was deleted, or somebody else runs it; nothing is changed."""
        values = record.model_dump(mode="json", include={"body", "items"}) | {"running": False, "begun": None}
        mine = (leases.c.response_id == record.id, leases.c.attempt == attempt)
        with self._engine.begin() as connection:
            if connection.execute(leases.delete().where(*mine).returning(leases.c.attempt)).scalar() is None:
                return False
            connection.execute(responses.update().where(responses.c.id == record.id).values(values))
            store_events(connection, record.id, sent)
            _name(connection, record.id, record.owner, record.body["output"])
            if beside is not None:
                beside(connection)
        return True

    def delete(self, response_id: str, owner: str) -> None:
        """Raises NotFound."""
        self.get(response_id, owner)
        with self._engine.begin() as connection:
            connection.execute(responses.delete().where(responses.c.id == response_id))
            connection.execute(leases.delete().where(leases.c.response_id == response_id))
            connection.execute(events.delete().where(events.c.response_id == response_id))
            connection.execute(named.delete().where(named.c.response_id == response_id))


def store_events(connection: sa.Connection, response_id: str, sent: Sequence[Body]) -> None:
    if sent:
        rows = [{"response_id": response_id, "number": body["sequence_number"], "body": body} for body in sent]
        connection.execute(events.insert(), rows)


def _name(connection: sa.Connection, response_id: str, owner: str, items: Sequence[Body]) -> None:
    """Make items findable by id; an id twice in one response is the client's own, and its last one counts."""
    rows = {item["id"]: {"id": item["id"], "response_id": response_id, "owner": owner, "body": item} for item in items}
    if rows:
        connection.execute(named.insert(), list(rows.values()))
