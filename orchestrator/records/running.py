"""Who runs a response, what it has sent, and how far it has come: all that another process needs to go on with it.

The attempt is the fencing token: each process that takes a response over raises it, and whoever had it before can
write nothing any more. Methods block for milliseconds.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.items import Item, items_adapter
from orchestrator.records.responses import Begun, Body, events, leases, responses, store_events
from shared.failpoints import failpoint


class Attempt(NamedTuple):
    """One process's hold of a response."""

    response_id: str
    number: int


class Taken(NamedTuple):
    """A response that was taken over."""

    attempt: Attempt
    owner: str
    cancel_requested: bool
    stalled: int
    """How often it was taken over since it last came further."""


@dataclass
class Sent:
    """Events of one response, in their order."""

    attempt: Attempt
    events: Sequence[Body]


class RunningRecords:
    """All reads and writes of leases, and of what is recorded while a response runs."""

    def __init__(self, engine: sa.Engine, quick: sa.Engine) -> None:
        """`quick`: the same database, where a commit outlives this process but need not outlive a power cut."""
        self._engine, self._quick = engine, quick

    def append(self, sent: Sequence[Sent]) -> set[Attempt]:
        """Store what is about to be sent, of many responses at once. Returns the attempts that hold theirs; nothing of
        the others was stored."""
        with self._quick.begin() as connection:
            held = _renew(connection, [one.attempt for one in sent], leases.c.alive_until)
            rows = [
                {"response_id": one.attempt.response_id, "number": body["sequence_number"], "body": body}
                for one in sent
                if one.attempt in held
                for body in one.events
            ]
            if rows:
                connection.execute(events.insert(), rows)
        return set(held)

    def renew(self, attempts: Sequence[Attempt], seconds: float) -> dict[Attempt, bool]:
        """Say that somebody goes on with them. Returns those that are still held, each with whether it shall stop."""
        with self._quick.begin() as connection:
            return _renew(connection, attempts, time.time() + seconds)

    def checkpoint(self, attempt: Attempt, begun: Begun, items: Sequence[Item], sent: Sequence[Body]) -> bool:
        """Commit how far a response has come, with the events up to there. False: it is held by somebody else."""
        values = {"begun": begun.model_dump(mode="json"), "items": items_adapter.dump_python(tuple(items), mode="json")}
        further = leases.update().where(*_mine(attempt)).values(stalled=0).returning(leases.c.attempt)
        with self._engine.begin() as connection:
            if connection.execute(further).scalar() is None:
                return False
            connection.execute(responses.update().where(responses.c.id == attempt.response_id).values(values))
            store_events(connection, attempt.response_id, sent)
            failpoint("checkpoint.written")
        failpoint("checkpoint.committed")
        return True

    def take_silent(self, seconds: float) -> Taken | None:
        """Take over a response that nobody goes on with, for so long from now; None where there is none."""
        now = time.time()
        silent = sa.select(leases.c.response_id).where(leases.c.alive_until < now).order_by(leases.c.alive_until)
        first = silent.limit(1).with_for_update(skip_locked=True).scalar_subquery()
        taking = leases.update().where(leases.c.response_id == first, leases.c.alive_until < now)
        values = {"attempt": leases.c.attempt + 1, "alive_until": now + seconds, "stalled": leases.c.stalled + 1}
        with self._engine.begin() as connection:
            row = connection.execute(taking.values(values).returning(leases)).first()
            if row is None:
                return None
            owner = connection.execute(sa.select(responses.c.owner).where(responses.c.id == row.response_id)).scalar()
        attempt = Attempt(row.response_id, row.attempt)
        return Taken(attempt, str(owner), row.cancel_requested, row.stalled)

    def release(self, attempt: Attempt) -> None:
        """Let another process take it over at once."""
        with self._engine.begin() as connection:
            connection.execute(leases.update().where(*_mine(attempt)).values(alive_until=0, stalled=0))

    def request_cancel(self, response_id: str) -> None:
        """Ask whoever runs it to stop."""
        with self._engine.begin() as connection:
            asked = leases.update().where(leases.c.response_id == response_id)
            connection.execute(asked.values(cancel_requested=True))


def _mine(attempt: Attempt) -> Sequence[sa.ColumnElement[bool]]:
    return leases.c.response_id == attempt.response_id, leases.c.attempt == attempt.number


def _renew(connection: sa.Connection, attempts: Sequence[Attempt], alive_until: Any) -> dict[Attempt, bool]:
    """Blocks whoever would take them over until the transaction is done."""
    mine = sa.tuple_(leases.c.response_id, leases.c.attempt).in_([tuple(attempt) for attempt in attempts])
    held = leases.update().where(mine).values(alive_until=alive_until)
    rows = connection.execute(held.returning(leases.c.response_id, leases.c.attempt, leases.c.cancel_requested))
    return {Attempt(row.response_id, row.attempt): row.cancel_requested for row in rows}
