"""Both databases that records may stand in: SQLite, and a PostgreSQL of the test session's own where there is one."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from cli.ports import free_port
from shared.database import metadata, open_engine

SERVER_USER = "postgres"
WHERE = os.pathsep.join([os.environ["PATH"], *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
"""Debian keeps the server's programs off the path."""


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory):
    """A real PostgreSQL without fsync. Skips where it is not installed, or may not be started by this user."""
    initdb, postgres = (shutil.which(name, path=WHERE) for name in ("initdb", "postgres"))
    if not (initdb and postgres):
        pytest.skip("there is no PostgreSQL on this machine")
    folder, port = tmp_path_factory.mktemp("postgres") / "data", free_port()
    as_user = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        for parent in (folder.parent, folder.parent.parent, folder.parent.parent.parent):
            parent.chmod(0o755)
        folder.mkdir()
        try:
            shutil.chown(folder, SERVER_USER)
        except LookupError:
            pytest.skip("PostgreSQL does not run as root, and there is no user for it")
        as_user = {"user": SERVER_USER, "cwd": "/"}
    subprocess.run(
        [initdb, "-D", str(folder), "-A", "trust", "-U", "diptych", "--no-sync"],
        check=True,
        capture_output=True,
        **as_user,
    )
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
    log = folder.parent / "log"
    with log.open("w") as said:  # in a session of its own: no signal to ours reaches it
        command = [postgres, "-D", str(folder), *options]
        process = subprocess.Popen(command, stderr=said, start_new_session=True, **as_user)
    where = f"127.0.0.1:{port}/postgres"
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://diptych@{where}").close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL did not start"
            assert process.poll() is None, f"PostgreSQL ended: {log.read_text()}"
    yield f"postgresql+psycopg://diptych@{where}"
    assert process.poll() is None, f"PostgreSQL ended before its time: {log.read_text()[-2000:]}"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory):
    """A SQLite file with our tables and nothing in them, to be copied: making them anew waits for the disk."""
    file = tmp_path_factory.mktemp("tables") / "ledger.db"
    engine = open_engine(f"sqlite:///{file}")
    metadata.create_all(engine)  # what all migrations together make: tests/orchestrator/test_migrating.py
    engine.dispose()
    return file


def open_hasty(file):
    """An engine of a SQLite file that need not outlive a power cut."""
    engine = open_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "connect")
    def hurry(connection, _record):
        connection.execute("PRAGMA synchronous=OFF")

    return engine


@pytest.fixture(params=["sqlite", "postgres"])
def each_empty_engine(request, tmp_path):
    """A database of each kind in turn, without tables."""
    if request.param == "sqlite":
        engine = open_hasty(tmp_path / "ledger.db")
    else:
        engine = open_engine(request.getfixturevalue("postgres_url"))
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    yield engine
    engine.dispose()


@pytest.fixture
def each_engine(each_empty_engine):
    """A database of each kind in turn, with our tables."""
    metadata.create_all(each_empty_engine)
    return each_empty_engine


@pytest.fixture
def engine(empty_tables, tmp_path):
    """A SQLite database with our tables."""
    engine = open_hasty(shutil.copy(empty_tables, tmp_path / "ledger.db"))
    yield engine
    engine.dispose()
