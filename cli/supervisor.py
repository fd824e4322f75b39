"""Keeps the parts of a plan alive until SIGTERM or SIGINT. Reads the plan as JSON from standard input.

One process, one thread: it sleeps in `sigtimedwait`, and a child's death (SIGCHLD) is what wakes it. Knows nothing of
what the parts are for. Ends with code 75 (EX_TEMPFAIL of sysexits.h) where another one has the data folder.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

from cli.child import Child
from cli.folders import DataFolder
from cli.guard import Guard
from cli.plan import Plan
from cli.state import ProcessId, State, take_lock
from cli.stop import sweep

EXIT_HELD = 75
STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
LONGEST_SLEEP_S = 10.0
FOUNDATION_WAIT_S = 10.0


class Supervisor:
    """The parts of one plan on one data folder."""

    def __init__(self, plan: Plan, folder: DataFolder) -> None:
        self._plan = plan
        self._folder = folder
        self._children = [Child(part, plan, folder.log(part.name)) for part in plan.parts]
        self._me = ProcessId.of(os.getpid())
        self._since = time.time()
        self._guard = Guard(folder)

    def run(self) -> None:
        """Until a stop signal came and all parts have ended."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS | {signal.SIGCHLD})
        self._guard.start()
        self._folder.logs.mkdir(parents=True, exist_ok=True)
        for child in self._children:
            _keep_one_older(self._folder.log(child.part.name))
        self._write()
        while not self._woken_by_stop() and self._folder.lock.exists():  # without it nobody could reach us any more
            self._turn()
        self._stop([child for child in self._children if not child.part.foundation])
        self._stop([child for child in self._children if child.part.foundation])
        self._folder.state.unlink(missing_ok=True)

    def _turn(self) -> None:
        """Notice the dead, start what is due."""
        self._guard.keep()
        changed = False
        for child in self._children:
            changed |= child.notice()
            child.trim_log()
            if child.start_at is not None and child.start_at <= time.monotonic():
                child.start()
                self._write()
                changed = False
                if child.part.foundation and child.part.port is not None:
                    self._await_port(child, child.part.port)
        if changed:
            self._write()

    def _await_port(self, child: Child, port: int) -> None:
        deadline = time.monotonic() + FOUNDATION_WAIT_S
        while time.monotonic() < deadline and not child.notice():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.02)

    def _woken_by_stop(self) -> bool:
        """Sleep until a child dies, one is due, or a signal to stop comes; the last is True."""
        due = [child.start_at for child in self._children if child.start_at is not None]
        sleep = min([LONGEST_SLEEP_S, *(max(0.0, at - time.monotonic()) for at in due)])
        woken = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, sleep)
        return woken is not None and woken.si_signo in STOP_SIGNALS

    def _stop(self, children: list[Child]) -> None:
        """SIGTERM in reverse order, a bounded wait, SIGKILL. A second signal to stop ends the wait."""
        for child in reversed(children):
            child.stop()
        self._write()
        deadline = time.monotonic() + self._plan.stop_within_s
        while any(child.alive for child in children):
            woken = signal.sigtimedwait(STOP_SIGNALS | {signal.SIGCHLD}, 0.2)
            if time.monotonic() > deadline or (woken is not None and woken.si_signo in STOP_SIGNALS):
                for child in children:
                    child.signal_group(signal.SIGKILL)
            if any([child.notice() for child in children]):
                self._write()

    def _write(self) -> None:
        reports = tuple(child.report() for child in self._children)
        state = State(address=self._plan.address, supervisor=self._me, parts=reports, since=self._since)
        with contextlib.suppress(FileNotFoundError):  # the data folder was removed under us: `run` ends
            state.write(self._folder)


def _keep_one_older(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def main() -> None:
    folder = DataFolder(Path(sys.argv[1]))
    plan = Plan.from_json(sys.stdin.read())
    if take_lock(folder) is None:
        sys.exit(EXIT_HELD)
    if leftover := State.read(folder):
        sweep(leftover)
    Supervisor(plan, folder).run()


if __name__ == "__main__":
    main()
