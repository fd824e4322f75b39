"""The whole system for a while, in a folder that goes away: real in every part, or around a VLM's server that has no
model, or around workers that have none either.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from rich.console import Console

from bench.quick_worker import KINDS
from cli.child import python
from cli.folders import ROOT, DataFolder
from cli.launch import launch, wait_ready
from cli.parts import make_plan
from cli.plan import Part
from cli.ports import free_port
from cli.state import State
from cli.stop import stop

STARTS_WITHIN_S = 60.0


def stamping_vlm(*options: str) -> AbstractContextManager[str]:
    """The base URL of a running `bench.stamping_vlm`."""
    return _vlm("bench.stamping_vlm", *options)


def stub_vlm(*options: str) -> AbstractContextManager[str]:
    """The base URL of a running `bench.stub_vlm`."""
    return _vlm("bench.stub_vlm", *options)


@contextlib.contextmanager
def _vlm(module: str, *options: str) -> Iterator[str]:
    port = free_port()
    with running([sys.executable, "-m", module, "--port", str(port), *options], f"http://127.0.0.1:{port}/v1/models"):
        yield f"http://127.0.0.1:{port}/v1"


@contextlib.contextmanager
def unwound_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: what was started is stopped first. In the main thread."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def own_system(vlm_url: str = "") -> Iterator[str]:
    """The address of a system, as `./diptych up` starts it, that asks this VLM, or else the embedded one."""
    with unwound_by_sigterm(), tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        own = {"DIPTYCH_DATA": str(Path(folder).resolve()), "DIPTYCH_VLM_URL": vlm_url}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")} | own
        port = free_port()
        try:
            _diptych("up", "--detach", "--port", str(port), environment=environment)
            yield f"http://127.0.0.1:{port}"
        finally:
            _diptych("down", environment=environment)


@dataclass(frozen=True)
class QuickSystem:
    """A running system whose workers are `bench.quick_worker`."""

    address: str
    folder: DataFolder

    def pid(self, part: str) -> int:
        """The process that is this part."""
        state = State.read(self.folder)
        (identity,) = [report.identity for report in state.parts if report.name == part] if state else [None]
        assert identity is not None
        return identity.pid


@contextlib.contextmanager
def quick_system(
    vlm_url: str, *, job_s: float = 0.0, environment: Mapping[str, str] | None = None
) -> Iterator[QuickSystem]:
    """The same parts under the same supervisor, but each job takes a worker `job_s`."""
    with unwound_by_sigterm(), tempfile.TemporaryDirectory(prefix="diptych-bench-") as data:
        folder = DataFolder(Path(data).resolve())
        told = {"DIPTYCH_VLM_URL": vlm_url} | dict(environment or {})
        plan = make_plan(folder, host="127.0.0.1", port=free_port(), environment=told)
        parts = tuple(_quick(part, told, job_s) for part in plan.parts)
        supervisor = launch(replace(plan, parts=parts), folder, detach=False)
        try:
            wait_ready(Console(stderr=True), folder, plan, supervisor, STARTS_WITHIN_S)
            yield QuickSystem(plan.address, folder)
        finally:
            stop(folder)
            supervisor.wait(30)


def _quick(part: Part, told: Mapping[str, str], job_s: float) -> Part:
    """The part, told more; a worker's with a quick worker in its place."""
    role = part.name.removeprefix("worker-")
    command = python("bench.quick_worker", role, "--seconds", str(job_s)) if role in KINDS else part.command
    return replace(part, command=command, environment={**told, **part.environment})


def _diptych(*arguments: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


@contextlib.contextmanager
def running(command: Sequence[str], url: str, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A process of ours, from when it answers at the URL."""
    with unwound_by_sigterm():
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(environment or {})})
        try:
            _wait_until_it_answers(url, process)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=5)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args} did not start")
        time.sleep(0.05)
