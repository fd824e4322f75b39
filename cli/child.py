"""One supervised process: started in a session of its own, watched, started again after a pause.

Knows its part and the pauses; the supervisor decides when it is asked. Linux only (parent-death signal).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from cli.plan import Part, Plan
from cli.state import PartReport, PartState, ProcessId

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LARGEST_LOG = 20 * 2**20
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    """To be run in a new process before exec: the kernel sends `how` when the thread that started it ends."""
    parent = os.getppid()
    _libc.prctl(PR_SET_PDEATHSIG, int(how))
    if os.getppid() != parent:  # it ended in between
        os.kill(os.getpid(), how)


def _before_exec() -> None:
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the supervisor takes its signals blocked; a mask survives exec


class Child:
    """The process of one part, dead or alive, and its history."""

    def __init__(self, part: Part, plan: Plan, log: Path) -> None:
        self.part = part
        self._plan = plan
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: ProcessId | None = None
        self._state = PartState.WAITING
        self._since = time.time()
        self._started = 0.0
        self._start_at = 0.0
        self._starts = 0
        self._deaths_in_a_row = 0
        self._last_exit = ""

    @property
    def alive(self) -> bool:
        return self._process is not None

    @property
    def start_at(self) -> float | None:
        """When it wants to be started, on the monotonic clock; None while it lives."""
        return None if self.alive else self._start_at

    def start(self) -> None:
        """Start the process. A command that cannot be started counts as a death at once."""
        self._starts += 1
        self._started = time.monotonic()
        with self._log.open("ab") as log:
            try:
                self._process = self._spawn(log)
            except OSError as error:
                log.write(f"cannot start: {error}\n".encode())
                self._died(f"could not be started: {error.strerror}")
                return
        self._identity = ProcessId.of(self._process.pid)
        self._enter(PartState.RUNNING)

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.part.command,
            env={**os.environ, **self.part.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_before_exec,  # noqa: PLW1509 - the supervisor has one thread
        )

    def notice(self) -> bool:
        """Whether the state changed: the process is found dead, or has lived long enough to count as sound."""
        if self._process is None:
            return False
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return self._notice_soundness()
        self.signal_group(signal.SIGKILL)  # what it left behind; not reaped yet, so its number is still its own
        self._died(_exit_text(self._process.wait()))
        return True

    def _notice_soundness(self) -> bool:
        if self._deaths_in_a_row and time.monotonic() - self._started >= self._plan.stable_after_s:
            self._deaths_in_a_row = 0
            return True
        return False

    def _died(self, last_exit: str) -> None:
        lived = time.monotonic() - self._started
        self._deaths_in_a_row = 1 if lived >= self._plan.stable_after_s else self._deaths_in_a_row + 1
        pause = min(self._plan.first_pause_s * 2 ** (self._deaths_in_a_row - 1), self._plan.longest_pause_s)
        self._start_at = time.monotonic() + pause
        self._process = None
        self._identity = None
        self._last_exit = last_exit
        self._enter(PartState.STOPPED if self._state is PartState.STOPPING else PartState.WAITING)

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._enter(PartState.STOPPING)
            os.kill(self._process.pid, signal.SIGTERM)  # Popen's own way may reap it, and `notice` could not look
        else:
            self._enter(PartState.STOPPED)

    def signal_group(self, how: signal.Signals) -> None:
        """Signal the process and all that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, how)

    def trim_log(self) -> None:
        """Keep the log bounded: what is too long becomes the older half. The process writes on (in append mode)."""
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG:
            self._log.with_suffix(".log.1").write_bytes(self._log.read_bytes())
            os.truncate(self._log, 0)

    def report(self) -> PartReport:
        return PartReport(
            name=self.part.name,
            state=self._state,
            identity=self._identity,
            port=self.part.port,
            since=self._since,
            restarts=max(0, self._starts - 1),
            deaths_in_a_row=self._deaths_in_a_row,
            last_exit=self._last_exit,
        )

    def _enter(self, state: PartState) -> None:
        self._state = state
        self._since = time.time()


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command of one of our own modules: not from the working directory, which may hold folders of our names."""
    return (sys.executable, "-P", "-m", module, *arguments)
