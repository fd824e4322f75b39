"""The real system, started once for all tests that use it, by the same command that people use."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from cli.folders import ROOT
from cli.ports import free_port
from tests.waiting import until


@dataclass
class System:
    """A running Diptych and how to reach it."""

    url: str
    data: Path

    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=110)

    def pid(self, part: str) -> int | None:
        """The process that is this part now; None while it is being started again."""
        state = json.loads((self.data / "supervisor.json").read_text())
        identity = next(p["identity"] for p in state["parts"] if p["name"] == part)
        return identity["pid"] if identity else None

    def wait_until(self, done: Callable[[], bool], seconds: float = 90) -> None:
        until(done, seconds, every_s=0.1)

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            try:
                return httpx.get(f"{self.url}/readyz", timeout=10).status_code == 200
            except httpx.HTTPError:
                return False

        self.wait_until(ready)


def diptych(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False)


@contextlib.contextmanager
def running(data: Path, **settings: str) -> Iterator[System]:
    """A system of its own, with these settings and no others of ours; none of its processes is left."""
    own = {"DIPTYCH_DATA": str(data)} | settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")} | own
    port = free_port()
    up = diptych("up", "--detach", "--port", str(port), environment=environment)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        yield System(url=f"http://127.0.0.1:{port}", data=data)
    finally:
        parts = json.loads((data / "supervisor.json").read_text())["parts"]
        pids = [part["identity"]["pid"] for part in parts if part["identity"]]
        down = diptych("down", environment=environment)
    assert down.returncode == 0, down.stdout + down.stderr
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


@contextlib.contextmanager
def one_more_orchestrator(system: System, **settings: str) -> Iterator[System]:
    """The same system, reached by a second orchestrator with settings of its own."""
    first = psutil.Process(system.pid("orchestrator"))
    port = free_port()
    environment = first.environ() | {"DIPTYCH_PORT": str(port)} | settings
    process = subprocess.Popen(first.cmdline(), cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        second = System(url=f"http://127.0.0.1:{port}", data=system.data)
        second.wait_until_ready()
        yield second
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="session")
def system(tmp_path_factory):
    """Everything, as `./diptych up --detach` starts it, with short leases so that crashes mend quickly."""
    with running(tmp_path_factory.mktemp("system"), DIPTYCH_LEASE_S="3") as system:
        yield system
