"""The migrations make the tables that the code speaks of, once, whole or not at all, in both databases."""

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import orchestrator.app  # noqa: F401 - so that all tables are known
from orchestrator.migrating import TooOld, alone_in, migrate
from shared.database import metadata


def test_all_migrations_together_make_the_tables_of_the_code(each_empty_engine):
    migrate(each_empty_engine)
    with each_empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert len(sa.inspect(each_empty_engine).get_table_names()) == len(metadata.tables) + 1


def test_what_is_migrated_stays_as_it_is(each_empty_engine):
    migrate(each_empty_engine)
    with each_empty_engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO leases (duty, holder, until) VALUES ('d', 'h', 1)"))
    migrate(each_empty_engine)
    with each_empty_engine.connect() as connection:
        assert connection.execute(sa.text("SELECT duty FROM leases")).scalar() == "d"


def test_of_several_that_start_at_once_each_finds_the_tables(each_empty_engine):
    failed = []

    def start():
        try:
            migrate(each_empty_engine)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_migration_that_fails_leaves_nothing_behind(each_empty_engine):
    with pytest.raises(ZeroDivisionError):
        with alone_in(each_empty_engine) as connection:
            connection.exec_driver_sql("CREATE TABLE half_done (id INTEGER)")
            raise ZeroDivisionError
    assert sa.inspect(each_empty_engine).get_table_names() == []


def test_a_ledger_from_before_migrations_is_refused_with_a_sentence(each_engine):
    with pytest.raises(TooOld, match="Move the data folder away"):
        migrate(each_engine)
