"""Which requests carried an Idempotency-Key, and what they were answered, in SQL beside the ledger.

A key belongs to its owner for 24 hours. While its request runs the row has a lease, renewed by whoever runs it, so
that the key of a process that died can be used again. Answers are compressed; small ones stand in the row, large ones
in the artifact store, so that pictures do not bloat the database. Methods block for milliseconds.
"""

import secrets
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.artifacts import ArtifactStore
from shared.database import metadata

keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("owner", sa.String(80), primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("token", sa.String(32), nullable=False),
    sa.Column("lease_until", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.JSON),
    sa.Column("body", sa.LargeBinary),
    sa.Column("body_artifact", sa.String(80)),
)
KEPT_S = 24 * 3600.0
MAX_IN_ROW = 64 * 1024
BODY_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Claim:
    """The key is the caller's: run the request, and finish or release it with this."""

    owner: str
    key: str
    token: str


@dataclass(frozen=True)
class Answer:
    """What the first request was answered; `body` is None where it was too large to keep."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | None


class Running:
    """The first request with this key has not ended yet."""


class Mismatch:
    """The key was used for a different request."""


class IdempotencyRecords:
    """All reads and writes of the idempotency_keys table."""

    def __init__(self, engine: sa.Engine, store: ArtifactStore) -> None:
        self._engine = engine
        self._store = store

    def claim(self, owner: str, key: str, fingerprint: str, lease_s: float) -> Claim | Answer | Running | Mismatch:
        """Take the key for a request, or learn what became of the first request that carried it."""
        self._forget_old()
        now = time.time()
        claim = Claim(owner, key, secrets.token_hex(16))
        values = {"token": claim.token, "lease_until": now + lease_s, "expires_at": now + KEPT_S}
        if self._inserted(values | {"owner": owner, "key": key, "fingerprint": fingerprint}):
            return claim
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(keys).where(*_named(owner, key))).mappings().first()
            if row is None:  # released since
                return Running()
            if row["fingerprint"] != fingerprint:
                return Mismatch()
            if row["status"] is not None:
                return self._answer(row)
            orphaned = (*_named(owner, key), keys.c.status.is_(None), keys.c.lease_until < now)
            taken = connection.execute(keys.update().where(*orphaned).values(values).returning(keys.c.token)).first()
        return claim if taken is not None else Running()

    def renew(self, claim: Claim, lease_s: float) -> None:
        """The request of this claim is still running."""
        self._update(claim, lease_until=time.time() + lease_s)

    def finish(self, claim: Claim, answer: Answer) -> None:
        """Keep the answer for the rest of the key's 24 hours."""
        packed = None if answer.body is None else zlib.compress(answer.body, 1)
        in_row = packed is None or len(packed) <= MAX_IN_ROW
        place = {"body": packed} if in_row else {"body_artifact": self._store.put(packed or b"", BODY_TYPE)}
        self._update(claim, status=answer.status, headers=[list(header) for header in answer.headers], **place)

    def release(self, claim: Claim) -> None:
        """The request failed: the key is free again."""
        with self._engine.begin() as connection:
            connection.execute(keys.delete().where(*_held(claim)))

    def _inserted(self, values: Mapping[str, object]) -> bool:
        try:
            with self._engine.begin() as connection:
                connection.execute(keys.insert().values(values))
        except IntegrityError:
            return False
        return True

    def _update(self, claim: Claim, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(keys.update().where(*_held(claim)).values(values))

    def _answer(self, row: sa.RowMapping) -> Answer:
        packed = self._store.get(row["body_artifact"]) if row["body_artifact"] else row["body"]
        headers = [(name, value) for name, value in row["headers"]]
        return Answer(row["status"], headers, None if packed is None else zlib.decompress(packed))

    def _forget_old(self) -> None:
        old = keys.delete().where(keys.c.expires_at < time.time()).returning(keys.c.body_artifact)
        with self._engine.begin() as connection:
            artifacts = connection.execute(old).scalars().all()
        for artifact_id in filter(None, artifacts):
            self._store.delete(artifact_id)


def _named(owner: str, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return keys.c.owner == owner, keys.c.key == key


def _held(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return *_named(claim.owner, claim.key), keys.c.token == claim.token, keys.c.status.is_(None)
