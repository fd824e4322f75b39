"""A compose project of its own for a benchmark: built, brought up, looked at, and taken down with its volumes.

Works with `docker compose` and with Debian's `docker-compose`. Knows nothing of what is asked of the system.
"""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from cli.folders import ROOT
from cli.ports import free_ports

PROJECT = "diptych-bench"


def wait_until(reached: Callable[[], bool], within_s: float) -> float:
    """Seconds until it was reached. Raises TimeoutError."""
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"not reached within {within_s:.0f} s")
        time.sleep(0.2)
    return round(time.monotonic() - began, 1)


def docker(*arguments: str) -> str:
    """What a docker command prints. Raises CalledProcessError."""
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


class Project:
    """The system of docker-compose.yml under a name, a port and secrets of its own."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(16)
        port, flower_port = free_ports(2)
        self.address = f"http://127.0.0.1:{port}"
        # What the user's shell has set for the system of every day must not leak into this one.
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")} | {
            "DIPTYCH_API_KEY": self.key,
            "DIPTYCH_STORE_PASSWORD": secrets.token_hex(16),
            "DIPTYCH_WATCH_PASSWORD": secrets.token_hex(16),
            "DIPTYCH_PORT": str(port),
            "DIPTYCH_FLOWER_PORT": str(flower_port),
            "DIPTYCH_PUBLIC_URL": self.address,
        }
        self._command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]

    def compose(self, *arguments: str) -> str:
        """What a compose command prints; its progress goes to stderr. Raises CalledProcessError."""
        command = [*self._command, "--project-name", PROJECT, "--file", str(ROOT / "docker-compose.yml"), *arguments]
        done = subprocess.run(command, env=self._environment, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
        return done.stdout.strip()

    @contextmanager
    def up(self) -> Iterator[None]:
        """Everything started while the context is open; then containers, networks and volumes are removed."""
        try:
            self.compose("up", "--detach")
            yield
        finally:
            self.compose("down", "--volumes", "--timeout", "20")

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says; without `status` where nothing answers."""
        try:
            return httpx.get(f"{self.address}/readyz", timeout=15, trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return {}

    def is_ready(self) -> bool:
        return self.readiness().get("status") == "ready"

    def container(self, service: str) -> str:
        return self.compose("ps", "-q", service)

    def is_healthy(self, service: str) -> bool:
        return docker("inspect", "--format", "{{.State.Health.Status}}", self.container(service)) == "healthy"

    def restarts(self, service: str) -> int:
        """How often the engine has started the container again."""
        return int(docker("inspect", "--format", "{{.RestartCount}}", self.container(service)))

    def kill_processes(self, service: str) -> None:
        """SIGKILL everything inside but PID 1: a crash, which restart policies answer (they ignore `docker kill`)."""
        subprocess.run(["docker", "exec", self.container(service), "sh", "-c", "kill -9 -1"], check=False)

    def memory(self, service: str) -> str:
        return docker("stats", "--no-stream", "--format", "{{.MemUsage}}", self.container(service)).split(" /")[0]


def size(image: str) -> int:
    """Bytes of an image with its base."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))
