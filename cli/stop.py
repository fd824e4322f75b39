"""Ending what a supervisor started, by its state file. Knows no supervisor from inside: it may be dead already."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable

import psutil

from cli.folders import DataFolder
from cli.state import ProcessId, State, is_locked, wait_unlocked

ASK_S = 30.0
KILL_S = 10.0


def is_live(process: psutil.Process) -> bool:
    """Whether it runs. A zombie does not: it only waits for its parent to look."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until none of them runs; returns those that still do when time ran out.

    A process that has released the lock, or was sent SIGKILL, still runs for an instant.
    """
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if is_live(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def group_members(leader: ProcessId) -> list[psutil.Process]:
    """The live processes of the session that the process began, whether or not it still lives itself."""
    try:
        if psutil.Process(leader.pid).create_time() > leader.created + 2:
            return []  # the number now belongs to another
    except psutil.NoSuchProcess:
        pass
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(process.pid) == leader.pid and is_live(process):
                members.append(process)
    return members


def processes(state: State) -> list[psutil.Process]:
    """Every live process that belongs to the running system: supervisor, parts and what they started."""
    leaders = [state.supervisor, *(part.identity for part in state.parts if part.identity)]
    return [process for leader in leaders for process in group_members(leader)]


def sweep(state: State, *, seconds: float = KILL_S) -> int:
    """SIGKILL what is left of the parts of a supervisor that is dead. Returns how many processes that were."""
    left = [process for part in state.parts if part.identity for process in group_members(part.identity)]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_gone(left, seconds)
    return len(left)


def stop(folder: DataFolder) -> int | None:
    """Stop the system on this data folder; returns how many processes ended, None where none was running.

    Raises TimeoutError where some would not end.
    """
    state = State.read(folder)
    before = processes(state) if state else []
    if is_locked(folder):
        _stop_supervisor(folder, state)
    elif state:
        sweep(state)
    folder.state.unlink(missing_ok=True)
    if left := wait_gone(before, KILL_S):
        raise TimeoutError(f"still running: {', '.join(str(process.pid) for process in left)}")
    return len(before) or None


def _stop_supervisor(folder: DataFolder, state: State | None) -> None:
    state = state or _await_state(folder)
    supervisor = state.supervisor.process() if state else None
    if supervisor:
        supervisor.send_signal(signal.SIGTERM)
    if wait_unlocked(folder, ASK_S):
        return
    if supervisor:
        supervisor.kill()  # its guard then sweeps
    if not wait_unlocked(folder, KILL_S):
        raise TimeoutError(f"the process that holds {folder.lock} does not end")


def _await_state(folder: DataFolder) -> State | None:
    """One that has just begun has the lock before it has written its state; one that is about to end has no state."""
    deadline = time.monotonic() + KILL_S
    while is_locked(folder) and time.monotonic() < deadline:
        if state := State.read(folder):
            return state
        time.sleep(0.05)
    return None
