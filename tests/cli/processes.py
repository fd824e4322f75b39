"""Small real processes for the supervisor to keep alive, and a way to wait for what they do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

from cli.folders import DataFolder
from cli.launch import launch
from cli.plan import Part, Plan
from cli.state import PartReport, State
from cli.stop import is_live, processes

T = TypeVar("T")
SLEEPER = "import signal; signal.pause()"
CRASHER = "print('[bold]no such model folder[/bold]'); raise SystemExit(4)"
PARENT = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}])
signal.pause()
"""
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True: signal.pause()
"""
READY_SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ready", "parts": {"ledger": {"ok": true, "detail": "SQLite"}}}')
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def part(name: str, code: str, *arguments: str, **options: object) -> Part:
    """A part that runs a few lines of Python."""
    return Part(name, (sys.executable, "-c", code, *arguments), **options)


def plan(*parts: Part, **options: object) -> Plan:
    """A plan with short pauses; nothing answers at its address."""
    return Plan(
        **{"address": "http://127.0.0.1:1", "parts": parts, "first_pause_s": 0.1, "stop_within_s": 2.0} | options
    )


def wait_for(what: Callable[[], T], seconds: float = 20.0) -> T:
    """The first true value of `what`; fails the test when there was none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:.0f} s")


class Running:
    """A supervisor on a data folder, as a test sees it."""

    def __init__(self, folder: DataFolder, of: Plan) -> None:
        self.folder = folder
        self.supervisor: subprocess.Popen[bytes] = launch(of, folder, detach=False)

    def part(self, name: str) -> PartReport | None:
        state = State.read(self.folder)
        return next((part for part in state.parts if part.name == name), None) if state else None

    def process(self, name: str, restarts: int = 0) -> psutil.Process:
        """The process of a part once it runs, after so many restarts."""

        def found() -> psutil.Process | None:
            part = self.part(name)
            return part.identity.process() if part and part.identity and part.restarts >= restarts else None

        return wait_for(found)

    def all_processes(self, count: int) -> list[psutil.Process]:
        """All processes of the system, once every part runs and there are so many."""

        def found() -> list[psutil.Process] | None:
            state = State.read(self.folder)
            if state is None or any(part.identity is None for part in state.parts):
                return None
            members = processes(state)
            return members if len(members) >= count else None

        return wait_for(found)

    def end(self) -> int:
        """Stop by signal and wait; the exit status."""
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(20)


def none_lives(among: list[psutil.Process]) -> bool:
    return not any(is_live(process) for process in among)
