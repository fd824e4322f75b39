"""How every benchmark tells its figures: a table for people, a file with the machine, its figures
as one JSON object on the last line.

Knows nothing of what is measured.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from cli.doctor import cpu_name

RESULTS = Path(__file__).resolve().parent / "results"


def publish(name: str, figures: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], *, gpu: str = "") -> None:
    """Print the rows as a table, write `bench/results/NAME.json`, print the figures as one line of JSON.

    `figures` are the numbers that a reader compares from one run to the next; `rows` are the table, all with the same
    keys.
    """
    if rows:
        table = Table(*rows[0], title=name)
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        Console().print(table)
    result = {
        "name": name,
        "taken_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "command": " ".join(["python", "-m", _module(), *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(gpu),
        "figures": dict(figures),
        "rows": [dict(row) for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result["figures"], ensure_ascii=False))


def machine(gpu: str = "") -> dict[str, Any]:
    """What the figures were taken on, and how busy it was with other things."""
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _module() -> str:
    """What `python -m` was given."""
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else sys.argv[0]


def commit() -> str:
    """What is measured."""
    answer = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=RESULTS.parent, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
