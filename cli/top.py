"""`top`: queues, workers and jobs, as they are now, in a terminal. Knows the API only."""

import os
import time
from typing import Any

import httpx
from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.status import span

EVERY_S = 1.0
MOST_JOBS = 15


def top(console: Console, address: str, api_key: str, *, once: bool) -> int:
    """Show it until Ctrl-C; once where that is asked for or there is no terminal. 0, or 3 where nobody answers."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    with httpx.Client(base_url=address, headers=headers, timeout=5, trust_env=False) as client:
        if once or not console.is_terminal:
            shown, answered = view(client, address)
            console.print(shown)
            return 0 if answered else 3
        try:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while True:
                    live.update(view(client, address)[0], refresh=True)
                    time.sleep(EVERY_S)
        except KeyboardInterrupt:
            return 0


def view(client: httpx.Client, address: str) -> tuple[RenderableType, bool]:
    """What is to be seen now, and whether anybody answered."""
    try:
        queues, workers = (client.get(path).raise_for_status().json() for path in ("/v1/queue", "/v1/workers"))
    except httpx.HTTPStatusError as error:
        return Text(f"{address} refuses: {error.response.status_code}. Is DIPTYCH_API_KEY right?"), False
    except httpx.HTTPError:
        return Text(f"{address} does not answer (yet). `./diptych up` starts it."), False
    heading = Text(f"Diptych at {address}   {time.strftime('%H:%M:%S')}   load {os.getloadavg()[0]:.1f}", style="bold")
    return Group(heading, _queues(queues), _workers(workers), _jobs(queues)), True


def _queues(queues: dict[str, Any]) -> Table:
    table = Table("queue", "waiting", "running", "oldest", "workers", "slots", "a job takes", "done in", box=SIMPLE)
    for queue in queues["data"]:
        counts = [str(queue[name]) for name in ("waiting", "running")]
        spans = [_span(queue[name]) for name in ("run_s", "eta_s")]
        staff = [str(queue[name]) for name in ("workers", "slots")]
        table.add_row(queue["queue"], *counts, _span(queue["oldest_s"]), *staff, *spans)
    return table


def _workers(workers: dict[str, Any]) -> Table:
    table = Table("worker", "host", "pid", "model", "device", "running", "up for", box=SIMPLE)
    for worker in workers["data"]:
        who = [worker["worker"], worker["host"], str(worker["pid"]), worker["model"], worker["device"]]
        table.add_row(*who, f"{worker['running']} of {worker['slots']}", _span(time.time() - worker["since"]))
    return table


def _jobs(queues: dict[str, Any]) -> Table:
    table = Table("your job", "kind", "status", "place", "done in", "attempt", "age", box=SIMPLE)
    for job in queues["jobs"][:MOST_JOBS]:
        place = "" if job["place"] is None else str(job["place"])
        age = _span(time.time() - job["created_at"])
        table.add_row(job["id"], job["kind"], job["status"], place, _span(job["eta_s"]), str(job["attempt"]), age)
    if more := len(queues["jobs"]) - MOST_JOBS:
        table.add_row(f"and {more} more" if more > 0 else "", *[""] * 6)
    return table


def _span(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)
