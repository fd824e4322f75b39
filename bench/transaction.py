"""How long one transaction of the ledger takes here: a row of a job's size in, fsynced, with the ledger's own settings.

It has the database to itself, so it is what a transaction costs at least.
"""

import secrets
import time
from pathlib import Path
from typing import Self

import sqlalchemy as sa

from shared.database import open_engine

rows = sa.Table("rows", sa.MetaData(), sa.Column("id", sa.String(40), primary_key=True), sa.Column("body", sa.JSON))
BODY = {"prompt": "an orange cat in a cardboard box" * 12}


class Transaction:
    """Transactions in a database of its own in that folder. Use as a context."""

    def __init__(self, folder: Path) -> None:
        self._engine = open_engine(f"sqlite:///{folder / 'transactions.db'}")

    def __enter__(self) -> Self:
        rows.create(self._engine)
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def seconds(self) -> float:
        """Do one."""
        began = time.perf_counter()
        with self._engine.begin() as connection:
            connection.execute(rows.insert().values(id=secrets.token_hex(12), body=BODY))
        return time.perf_counter() - began
