"""The record of responses, in SQL beside the ledger: what was asked, what came of it, and every event that was sent.

Whoever runs a response keeps it alive by saying so now and then; one that has fallen silent counts as cut off.
Responses of another owner are as if they had never been. Methods block for milliseconds. Knows no models and no HTTP.
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
    sa.Column("alive_until", sa.Double, nullable=False),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("input", sa.JSON, nullable=False),
    sa.Column("items", sa.JSON, nullable=False),
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


class ResponseRecord(Frozen):
    """One response, whole. Pictures in it are references to artifacts."""

    id: str
    owner: str
    created_at: float
    running: bool = True
    alive_until: float
    cancel_requested: bool = False
    body: Body
    """The response object."""
    input: tuple[Body, ...]
    """All input items, those of the responses before it included, as they are listed."""
    items: tuple[Item, ...] = ()
    """The conversation up to its end, for the next turn."""

    @property
    def cut_off(self) -> bool:
        """Whether nobody runs it any more, though it has not ended."""
        return self.running and self.alive_until < time.time()


class ResponseRecords:
    """All reads and writes of these tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, record: ResponseRecord, new_input: Sequence[Body], beside: Beside | None = None) -> None:
        """A response that begins; `new_input` are the input items that it brought in itself."""
        with self._engine.begin() as connection:
            if beside is not None:
                beside(connection)
            connection.execute(responses.insert().values(record.model_dump(mode="json")))
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

    def keep_alive(self, response_id: str, seconds: float, sent: Sequence[Body]) -> bool:
        """Store what was sent and say that somebody goes on; returns whether it shall stop (or was deleted)."""
        alive = responses.update().where(responses.c.id == response_id).values(alive_until=time.time() + seconds)
        with self._engine.begin() as connection:
            cancel = connection.execute(alive.returning(responses.c.cancel_requested)).scalar()
            if cancel is not None:
                _store(connection, response_id, sent)
        return cancel is not False

    def finish(self, record: ResponseRecord, sent: Sequence[Body], beside: Beside | None = None) -> None:
        """Commit the end, with the last events. One that was deleted meanwhile stays deleted."""
        values = record.model_dump(mode="json", include={"body", "items"}) | {"running": False}
        running = responses.update().where(responses.c.id == record.id, responses.c.running.is_(True))
        with self._engine.begin() as connection:
            if connection.execute(running.values(values).returning(responses.c.id)).scalar() is not None:
                _store(connection, record.id, sent)
                _name(connection, record.id, record.owner, record.body["output"])
                if beside is not None:
                    beside(connection)

    def bury(self, record: ResponseRecord, event: Body) -> None:
        """End one that was cut off: with this last event, and the response object in it."""
        silent = (responses.c.running.is_(True), responses.c.alive_until < time.time())
        dead = responses.update().where(responses.c.id == record.id, *silent)
        with self._engine.begin() as connection:
            ended = dead.values(running=False, body=event["response"]).returning(responses.c.id)
            if connection.execute(ended).scalar() is not None:
                _store(connection, record.id, [event])

    def request_cancel(self, response_id: str) -> None:
        """Ask whoever runs it to stop."""
        with self._engine.begin() as connection:
            connection.execute(responses.update().where(responses.c.id == response_id).values(cancel_requested=True))

    def delete(self, response_id: str, owner: str) -> None:
        """Raises NotFound."""
        self.get(response_id, owner)
        with self._engine.begin() as connection:
            connection.execute(responses.delete().where(responses.c.id == response_id))
            connection.execute(events.delete().where(events.c.response_id == response_id))
            connection.execute(named.delete().where(named.c.response_id == response_id))


def _store(connection: sa.Connection, response_id: str, sent: Sequence[Body]) -> None:
    if sent:
        rows = [{"response_id": response_id, "number": body["sequence_number"], "body": body} for body in sent]
        connection.execute(events.insert(), rows)


def _name(connection: sa.Connection, response_id: str, owner: str, items: Sequence[Body]) -> None:
    """Make items findable by id; an id twice in one response is the client's own, and its last one counts."""
    rows = {item["id"]: {"id": item["id"], "response_id": response_id, "owner": owner, "body": item} for item in items}
    if rows:
        connection.execute(named.insert(), list(rows.values()))
