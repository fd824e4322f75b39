"""Starting a supervisor and watching until all its parts are ready. Knows it only by its state file."""

import os
import signal
import subprocess
import tempfile
import time

from rich.console import Console

from cli.child import die_with_parent, python
from cli.folders import ROOT, DataFolder
from cli.plan import Plan
from cli.readiness import Readiness, ask
from cli.state import PartReport, PartState, State, tail
from cli.supervisor import EXIT_HELD

DEATHS_TO_GIVE_UP = 3
POLL_S = 0.2


class GaveUp(Exception):
    """The system did not become ready; the message says why, with the log's last lines."""


def launch(plan: Plan, folder: DataFolder, *, detach: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own. When not detached it stops with this process, however that ends."""
    folder.logs.mkdir(parents=True, exist_ok=True)
    with folder.log("supervisor").open("wb") as log, tempfile.TemporaryFile() as line:
        line.write(plan.to_json().encode())
        line.seek(0)
        return subprocess.Popen(
            python("cli.supervisor", str(folder.path)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=line,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if detach else _end_with_us,  # noqa: PLW1509 - this process has one thread
        )


def _end_with_us() -> None:
    die_with_parent(signal.SIGTERM)


def wait_ready(
    console: Console, folder: DataFolder, plan: Plan, supervisor: subprocess.Popen[bytes], within_s: float
) -> None:
    """Until /readyz says so. Raises GaveUp when a part keeps dying, the supervisor ends, or time runs out."""
    deadline = time.monotonic() + within_s
    said = ""
    with console.status("Starting …") as spinner:
        while True:
            if supervisor.poll() is not None:
                raise GaveUp(_why_supervisor_ended(folder, supervisor.returncode))
            state = State.read(folder)
            _give_up_on_the_dying(folder, state)
            readiness = ask(plan.address)
            if readiness.ready:
                return
            waiting = f"Waiting for {', '.join(_unready(state, readiness)) or 'the first process'} …"
            if waiting != said:
                said = waiting
                spinner.update(waiting)
                if not console.is_terminal:
                    console.print(waiting, highlight=False)
            if time.monotonic() > deadline:
                raise GaveUp(f"It was not ready within {within_s:.0f} s. {waiting}\n{_logs(folder, state)}")
            time.sleep(POLL_S)


def _unready(state: State | None, readiness: Readiness) -> list[str]:
    """Parts that the orchestrator waits for; before it answers, those that do not run, and itself."""
    if readiness.parts:
        return readiness.waiting_for
    parts = state.parts if state else ()
    return [part.name for part in parts if part.state is not PartState.RUNNING] or [part.name for part in parts[-1:]]


def _give_up_on_the_dying(folder: DataFolder, state: State | None) -> None:
    for part in state.parts if state else ():
        if part.deaths_in_a_row >= DEATHS_TO_GIVE_UP:
            raise GaveUp(f"{part.name} ended {part.deaths_in_a_row} times ({part.last_exit}). {_log(folder, part)}")


def _log(folder: DataFolder, part: PartReport) -> str:
    log = folder.log(part.name)
    return f"The end of {log}:\n{tail(log) or '(empty)'}"


def _logs(folder: DataFolder, state: State | None) -> str:
    parts = [part for part in (state.parts if state else ()) if part.state is not PartState.RUNNING]
    return "\n".join(_log(folder, part) for part in parts) or f"The logs are in {folder.logs}."


def _why_supervisor_ended(folder: DataFolder, status: int) -> str:
    if status == EXIT_HELD:
        return "Another ./diptych up has just begun on the same data folder."
    return f"The supervisor ended with status {status}:\n{tail(folder.log('supervisor'))}"
