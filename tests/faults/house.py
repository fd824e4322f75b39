"""A real house of processes to do harm to: Redis and workers under the real supervisor, in a folder of their own.

Knows how to reach each process and how to hurt it; knows no jobs.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

import redis
from redis.exceptions import RedisError

from cli.child import python
from cli.folders import ROOT, DataFolder
from cli.launch import launch
from cli.parts import worker
from cli.plan import Part, Plan
from cli.ports import free_port
from cli.redis_server import find_binary, prepare
from cli.state import PartReport, State, tail
from cli.stop import stop
from shared.presence import key_of

T = TypeVar("T")
SERVICE = "tests.faults.service"


def wait_for(what: Callable[[], T], seconds: float = 60.0, why: Callable[[], str] = str) -> T:
    """The first true value of `what`; fails where there was none in time, saying `why`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:.0f} s {why()}")


def orchestrator(common: Mapping[str, str], port: int, vlm_url: str = "http://127.0.0.1:1/v1") -> Part:
    """The real one, asking the VLM that is there."""
    own = {"DIPTYCH_PORT": str(port), "DIPTYCH_VLM_URL": vlm_url, "DIPTYCH_WORKER_GRACE_S": "60"}
    return Part("orchestrator", python("orchestrator"), {**common, **own}, port=port)


class House:
    """Use as a context: its processes live while it is open. `workers` are the names of the parts that work."""

    def __init__(
        self,
        data: Path,
        *,
        workers: int = 3,
        module: str = SERVICE,
        lease_s: float = 1.0,
        environment: Mapping[str, str] | None = None,
        more: Callable[[Mapping[str, str]], Sequence[Part]] = lambda common: (),
        **pauses: float,
    ) -> None:
        """`more`: further parts, told the environment that all share. `pauses`: what the plan has of its own."""
        self.folder = DataFolder(data)
        binary = find_binary()
        assert binary is not None, "there is no Redis on this machine"
        server = prepare(binary, self.folder.redis, free_port())
        self.redis_url = server.url
        self.environment = {
            "DIPTYCH_DATA": str(data),
            "DIPTYCH_REDIS_URL": server.url,
            "DIPTYCH_LEASE_S": str(lease_s),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        } | dict(environment or {})
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        parts = [Part("redis", server.command, port=server.port, foundation=True)]
        parts += [worker(name, module, self.environment) for name in self.workers]
        parts += more(self.environment)
        quick = {"first_pause_s": 0.05, "longest_pause_s": 0.2, "stable_after_s": 5.0, "stop_within_s": 20.0}
        self.plan = Plan("http://127.0.0.1:1", tuple(parts), **(quick | pauses))

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self) -> None:
        self.supervisor = launch(self.plan, self.folder, detach=False)
        self.client = redis.Redis.from_url(self.redis_url, socket_timeout=5, socket_connect_timeout=5)
        self.wait_for_workers()

    def down(self) -> None:
        """As `./diptych down` does it."""
        stop(self.folder)
        self.supervisor.wait(30)
        self.client.close()

    def wait_for_workers(self) -> None:
        """Until each worker that lives now announces itself."""
        wait_for(lambda: all(self._is_announced(name) for name in self.workers), why=self.logs)

    def _is_announced(self, name: str) -> bool:
        pid = self.pid(name)
        with contextlib.suppress(RedisError):
            return pid is not None and any(self.client.scan_iter(match=key_of("*", "*", pid), count=1000))
        return False

    def report(self, part: str) -> PartReport | None:
        state = State.read(self.folder)
        return next((report for report in state.parts if report.name == part), None) if state else None

    def pid(self, part: str) -> int | None:
        """The process that is this part now; None while it is being started again."""
        report = self.report(part)
        process = report.identity.process() if report and report.identity else None
        return process.pid if process else None

    def signal(self, part: str, how: signal.Signals = signal.SIGKILL) -> int | None:
        """Signal the process of a part, and return it; None where it is dead already."""
        pid = self.pid(part)
        with contextlib.suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, how)
                return pid
        return None

    def wipe_redis(self) -> None:
        """SIGKILL Redis; it comes back with nothing."""
        shutil.rmtree(self.folder.redis / "appendonlydir", ignore_errors=True)
        self.signal("redis")

    def logs(self) -> str:
        """The last lines of every log, for a test that failed."""
        return "\n".join(f"--- {log.name}\n{tail(log)}" for log in sorted(self.folder.logs.glob("*.log")))
