"""Bringing the system up: a plan is handed to a supervisor, and the person is told how it goes.

Knows the supervisor only by its state file and lock; prints for a person.
"""

import os
import signal
import subprocess
import time

from rich.console import Console
from rich.markup import escape

from cli.folders import DataFolder
from cli.launch import GaveUp, launch, wait_ready
from cli.parts import CannotStart, make_plan
from cli.plan import Plan
from cli.ports import is_free
from cli.readiness import ask
from cli.state import State, is_locked, wait_unlocked
from cli.stop import ASK_S, KILL_S, processes, wait_gone


def up(console: Console, folder: DataFolder, *, host: str, port: int, detach: bool, within_s: float) -> int:
    """Start the system and wait until it is ready. Returns the exit status; in the foreground, when it was stopped."""
    try:
        if running := _already_running(folder):
            return _say_already_running(console, running)
        if not is_free(port, host):
            raise CannotStart(
                f"Port {port} is taken by another program. Choose another one: ./diptych up --port {port + 1}"
            )
        plan = make_plan(folder, host=host, port=port, environment=os.environ)
    except (CannotStart, OSError) as error:
        console.print(f"[red]Diptych cannot start.[/red] {escape(str(error))}", soft_wrap=True)
        return 1
    return bring_up(console, folder, plan, detach=detach, within_s=within_s)


def bring_up(console: Console, folder: DataFolder, plan: Plan, *, detach: bool, within_s: float) -> int:
    """`up` for a plan that is made, whatever its parts are."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.default_int_handler)
    began = time.monotonic()
    supervisor = launch(plan, folder, detach=detach)
    try:
        wait_ready(console, folder, plan, supervisor, within_s)
        seconds = time.monotonic() - began
        console.print(f"[green]Diptych is ready[/green] after {seconds:.0f} s: [bold]{plan.address}[/bold]")
        _say_what_next(console, detach=detach)
        return 0 if detach else _stay(console, folder, supervisor)
    except GaveUp as reason:
        console.print(f"[red]Diptych did not start.[/red] {escape(str(reason))}", soft_wrap=True, highlight=False)
        _end(folder, supervisor)
        return 1
    except KeyboardInterrupt:
        console.print("Stopping …")
        ended, left = _end(folder, supervisor)
        console.print(f"Diptych has stopped: {ended} processes ended, {left or 'none'} {'are' if left else 'is'} left.")
        return 1 if left else 130 if detach else 0


def _end(folder: DataFolder, supervisor: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Stop our own supervisor, and nobody else's. Returns how many processes ended, and how many did not."""
    state = State.read(folder) if supervisor.poll() is None else None
    ours = processes(state) if state and state.supervisor.pid == supervisor.pid else []
    supervisor.terminate()
    for patience in (ASK_S, KILL_S):
        try:
            supervisor.wait(patience)
            break
        except KeyboardInterrupt:
            supervisor.terminate()  # a second signal makes it kill at once
        except subprocess.TimeoutExpired:
            continue
    else:
        supervisor.kill()  # its guard then sweeps
        supervisor.wait()
    if ours:
        wait_unlocked(folder, KILL_S)
    left = len(wait_gone(ours, KILL_S))
    return len(ours) - left, left


def _already_running(folder: DataFolder) -> State | None:
    """The system that lives on this data folder. One whose supervisor died is being swept: that is awaited."""
    if not is_locked(folder):
        return None
    state = State.read(folder)
    if state and state.supervisor.process():
        return state
    if not wait_unlocked(folder, 15):
        raise CannotStart(f"Another process holds {folder.lock}. Try ./diptych down first.")
    return None


def _say_already_running(console: Console, state: State) -> int:
    readiness = ask(state.address)
    console.print(f"Diptych is already running at [bold]{state.address}[/bold]")
    if not readiness.ready:
        console.print("but it is not ready; see ./diptych status")
    return 0 if readiness.ready else 3


def _say_what_next(console: Console, *, detach: bool) -> None:
    console.print('Try:  ./diptych chat "draw an orange cat in a cardboard box" --save out/', highlight=False)
    console.print("Stop: ./diptych down" if detach else "Stop: Ctrl-C", highlight=False)


def _stay(console: Console, folder: DataFolder, supervisor: subprocess.Popen[bytes]) -> int:
    """Tell of parts that are started again, until the supervisor ends (by `down`) or Ctrl-C interrupts."""
    restarts: dict[str, int] = {}
    while supervisor.poll() is None:
        state = State.read(folder)
        for part in state.parts if state else ():
            if part.restarts > restarts.get(part.name, 0):
                console.print(f"{part.name} had ended ({part.last_exit}) and was started again")
            restarts[part.name] = part.restarts
        time.sleep(1)
    console.print("Diptych has stopped.")
    return 0 if supervisor.returncode == 0 else 1
