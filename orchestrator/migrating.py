"""Brings the database to the tables that this version needs, from whichever version it was last used with.

Of several processes that start at once one migrates and the others wait for it. A migration is done whole or not at
all. Knows no tables: what is to be done stands in `migrations/versions/`.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
TOO_OLD = (
    "The ledger was made by a version of Diptych before migrations. Move the data folder away, or name another one."
)
LOCK = 7_106_412
"""Of PostgreSQL's advisory locks; nothing else in this database uses one."""


class TooOld(Exception):
    """The database has our tables but does not say of which version."""


def migrate(engine: sa.Engine) -> None:
    """Blocks until the tables are those of this version.

    Raises:
        TooOld: nothing can be done with this database.
        alembic.util.CommandError: it was used with a later version of Diptych.
    """
    with alone_in(engine) as connection:
        tables = set(sa.inspect(connection).get_table_names())
        if "jobs" in tables and "alembic_version" not in tables:
            raise TooOld(TOO_OLD)
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextlib.contextmanager
def alone_in(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, in which nobody else migrates."""
    if engine.dialect.name == "sqlite":
        # Python's driver would commit before each change of a table, so the transaction is begun by hand.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    else:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
            yield connection
