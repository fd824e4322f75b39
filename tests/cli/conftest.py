"""Data folders and supervisors that do not outlive their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.folders import DataFolder
from cli.plan import Plan
from cli.stop import stop
from tests.cli.processes import Running


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def start(folder: DataFolder) -> Iterator[Callable[[Plan], Running]]:
    """Starts a supervisor on the test's data folder."""
    started: list[Running] = []

    def start_one(plan: Plan) -> Running:
        started.append(Running(folder, plan))
        return started[-1]

    yield start_one
    stop(folder)
    for running in started:
        running.supervisor.wait(10)
