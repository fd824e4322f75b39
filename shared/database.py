"""The database of one installation: SQLite in WAL mode on one machine, PostgreSQL beyond it. Knows no tables.

All tables belong to one `metadata`, so that they are made and changed together.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

metadata = sa.MetaData()


def open_engine(url: str) -> sa.Engine:
    """An engine whose SQLite connections use WAL, fsync every commit, and wait for a busy writer."""
    engine = sa.create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def set_pragmas(connection: Any, _record: object) -> None:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
                connection.execute(f"PRAGMA {pragma}").close()

    return engine
