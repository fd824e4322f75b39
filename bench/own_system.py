"""The whole system for a while, in a folder that goes away: real in every part, or around a VLM's server that has no
model.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from cli.folders import ROOT
from cli.ports import free_port

STARTS_WITHIN_S = 60.0


@contextlib.contextmanager
def stamping_vlm(*options: str) -> Iterator[str]:
    """The base URL of a running `bench.stamping_vlm`."""
    port = free_port()
    command = [sys.executable, "-m", "bench.stamping_vlm", "--port", str(port), *options]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/v1/models", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def own_system(vlm_url: str = "") -> Iterator[str]:
    """The address of a system, as `./diptych up` starts it, that asks this VLM, or else the embedded one."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as folder:
        own = {"DIPTYCH_DATA": str(Path(folder).resolve()), "DIPTYCH_VLM_URL": vlm_url}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")} | own
        port = free_port()
        try:
            _diptych("up", "--detach", "--port", str(port), environment=environment)
            yield f"http://127.0.0.1:{port}"
        finally:
            _diptych("down", environment=environment)


def _diptych(*arguments: str, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, timeout=5)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the bench's VLM server did not start")
        time.sleep(0.05)
