"""What a supervisor tells other processes: its state file, and the lock that says whether it lives.

The lock is the truth about "is it running"; the file says what is running. Knows nothing about starting or stopping.
"""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

import psutil

from cli.folders import DataFolder
from cli.log_lines import readable


class PartState(StrEnum):
    WAITING = "waiting"  # not started yet, or in the pause before it is started again
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ProcessId:
    """A process for certain: its number, and when it began (numbers are used again)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises psutil.NoSuchProcess where there is none."""
        return cls(pid=pid, created=psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The live process, None where it has ended or where its number now belongs to another."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 2  # the clock may have been set meanwhile
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class PartReport:
    """One part as the supervisor sees it. Times are seconds since 1970."""

    name: str
    state: PartState
    identity: ProcessId | None = None
    port: int | None = None
    since: float = 0.0
    restarts: int = 0
    """How often it was started again since `up`."""
    deaths_in_a_row: int = 0
    """How often it died without having lived long enough to count as sound."""
    last_exit: str = ""

    @classmethod
    def from_record(cls, raw: dict) -> Self:
        identity = raw.pop("identity")
        return cls(identity=ProcessId(**identity) if identity else None, state=PartState(raw.pop("state")), **raw)


@dataclass(frozen=True)
class State:
    """The whole state file."""

    address: str
    supervisor: ProcessId
    parts: tuple[PartReport, ...] = ()
    since: float = field(default_factory=time.time)

    def write(self, folder: DataFolder) -> None:
        """Atomically: a reader sees the old or the new state."""
        fresh = folder.state.with_suffix(".json.new")
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.replace(folder.state)

    @classmethod
    def read(cls, folder: DataFolder) -> Self | None:
        """The last state written, None where there is none that can be read. It may be stale: ask `is_locked`."""
        try:
            raw = json.loads(folder.state.read_text())
            parts = tuple(PartReport.from_record(part) for part in raw.pop("parts"))
            return cls(supervisor=ProcessId(**raw.pop("supervisor")), parts=parts, **raw)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None


def take_lock(folder: DataFolder, patience_s: float = 1.0) -> int | None:
    """The descriptor that holds the supervisor's lock until this process (and its forks) end; None where it is held.

    The patience is for those who only look: `is_locked` holds the lock for an instant.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return descriptor


def is_locked(folder: DataFolder) -> bool:
    """Whether a supervisor lives on this data folder."""
    try:
        descriptor = os.open(folder.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_unlocked(folder: DataFolder, seconds: float) -> bool:
    """Waits until no supervisor lives on this data folder any more; False when time ran out."""
    deadline = time.monotonic() + seconds
    while is_locked(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def tail(log: Path, lines: int = 20, most_bytes: int = 16_384) -> str:
    """The last lines of a log as people read them, an empty string where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - most_bytes))
            return "\n".join(map(readable, file.read().decode(errors="replace").splitlines()[-lines:]))
    except FileNotFoundError:
        return ""
