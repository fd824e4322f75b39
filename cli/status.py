"""The table of `status`: what runs, since when, how often started again, how much memory."""

import time
from collections.abc import Iterable

import psutil
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from cli.folders import DataFolder
from cli.readiness import Readiness, ask
from cli.state import PartReport, State, is_locked
from cli.stop import group_members

EXIT_NOT_READY = 3


def status(console: Console, folder: DataFolder) -> int:
    """Print the table; 0 when all is ready, 3 otherwise."""
    state = State.read(folder) if is_locked(folder) else None
    if state is None:
        console.print("Diptych is not running. Start it with ./diptych up")
        return EXIT_NOT_READY
    readiness = ask(state.address)
    console.print(_table(state, readiness))
    for name, part in readiness.parts.items():
        if part.detail:
            console.print(f"{name}: {part.detail}", highlight=False, markup=False, soft_wrap=True)
    verdict = "ready" if readiness.ready else f"waiting for {', '.join(readiness.waiting_for) or 'the orchestrator'}"
    console.print(f"{state.address} is {verdict}; up for {span(time.time() - state.since)}; logs in {folder.logs}")
    return 0 if readiness.ready else EXIT_NOT_READY


def _table(state: State, readiness: Readiness) -> Table:
    table = Table("part", "state", "pid", "uptime", "restarts", "memory", "ready", box=SIMPLE, pad_edge=False)
    for part in state.parts:
        table.add_row(part.name, *_process_cells(part), _ready(readiness, part.name))
    supervised = {part.name for part in state.parts}
    for name in readiness.parts:
        if name not in supervised:  # the ledger; a Redis or a VLM that others run
            table.add_row(name, *[""] * 5, _ready(readiness, name))
    return table


def _process_cells(part: PartReport) -> list[str]:
    ended = f" ({part.last_exit})" if part.last_exit and not part.identity else ""
    if part.identity is None:
        return [f"{part.state}{ended}", "", "", str(part.restarts), ""]
    memory = memory_pss(group_members(part.identity))
    uptime = span(time.time() - part.identity.created)
    return [part.state, str(part.identity.pid), uptime, str(part.restarts), f"{memory / 2**20:.0f} MiB"]


def _ready(readiness: Readiness, name: str) -> str:
    if name == "orchestrator":  # who answers does not list itself
        return _yes(bool(readiness.parts))
    part = readiness.parts.get(name)
    return "" if part is None else _yes(part.ok)


def _yes(ok: bool) -> str:
    return "yes" if ok else "[red]no[/red]"


def memory_pss(processes: Iterable[psutil.Process]) -> int:
    """Bytes of memory, each shared page divided by how many processes share it, so that sums are right."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def span(seconds: float) -> str:
    """In words, to the second."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
