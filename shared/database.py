"""The database of one installation: SQLite in WAL mode on one machine, PostgreSQL beyond it. Knows no tables.

All tables belong to one `metadata`, so that they are made and changed together.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

metadata = sa.MetaData()


def open_engine(url: str, *, quick: bool = False) -> sa.Engine:
    """An engine whose SQLite connections use WAL and wait for a busy writer.

    Every commit outlives a power cut; where `quick`, it need only outlive this process, and waits for no disk.
    """
    engine = sa.create_engine(url, pool_pre_ping=not quick)
    if engine.dialect.name == "sqlite":
        durable = "synchronous=NORMAL" if quick else "synchronous=FULL"
        settings = [f"PRAGMA {pragma}" for pragma in ("journal_mode=WAL", durable, "busy_timeout=10000")]
    else:
        settings = ["SET synchronous_commit = off"] if quick else []

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(setting)
        cursor.close()
        connection.commit()

    return engine
