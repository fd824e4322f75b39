"""`python -m bench.memory`: what memory and Redis hold under a steady load, and when nothing is asked.

The real system with its embedded models is asked for pictures and words without a pause, then left alone. Each
minute: the memory that each part has for itself (USS; shared pages move with other processes' fortunes), and the keys
of Redis that have neither a lifetime nor a length.
"""

import argparse
import itertools
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

from bench.first_run import MIB, System, running
from bench.report import publish
from cli.folders import DataFolder

ASKED = ("draw an orange cat in a cardboard box", "hello", "draw {} red apples on a beach", "what can you do?")
AT_ONCE = 3
BOUNDED = (b"_kombu.binding", b"unacked")
"""What Celery keeps: an entry or two for each queue, and the messages that a worker holds."""
MOST_GROWTH = 0.02


def ask(address: str, stop: threading.Event) -> None:
    """One person who goes on asking."""
    with httpx.Client(base_url=address, timeout=300, trust_env=False) as client:
        for number in itertools.count():
            if stop.is_set():
                return
            words = ASKED[number % len(ASKED)].format(number % 4 + 1)
            client.post("/v1/responses", json={"model": "diptych", "input": words}).raise_for_status()


def redis_url(system: System) -> str:
    """Of the system's own Redis, whose password stands in its configuration."""
    settings = (system.folder.redis / "redis.conf").read_text()
    words = dict(line.split(None, 1) for line in settings.splitlines() if " " in line)
    return f"redis://:{words['requirepass']}@127.0.0.1:{words['port']}/0"


def unbounded(client: "redis.Redis") -> list[str]:
    """Keys that live for ever and may grow."""
    found = []
    for key in client.scan_iter(count=1000):
        if client.ttl(key) == -1 and not key.startswith(BOUNDED):
            found.append(key.decode())
    return found


def own_memory(process: psutil.Process) -> int:
    """Bytes that would be free again if it and its children ended."""
    return sum(one.memory_full_info().uss for one in (process, *process.children(recursive=True)))


def sample(system: System, client: "redis.Redis", phase: str) -> dict[str, Any]:
    parts = {name: process for name in system.part_names() if (process := system.process(name)) is not None}
    memory = {name: round(own_memory(process) / MIB, 1) for name, process in parts.items()}
    keys = unbounded(client)
    return {
        "phase": phase,
        **memory,
        "all MiB": round(sum(memory.values()), 1),
        "keys": client.dbsize(),
        "for ever": len(keys),
    }


def watch(system: System, client: "redis.Redis", phase: str, minutes: int) -> list[dict[str, Any]]:
    rows = []
    for _ in range(minutes):
        time.sleep(60)
        rows.append(sample(system, client, phase))
    return rows


def growth(rows: list[dict[str, Any]]) -> float | None:
    """Of all memory, from the first third's end on."""
    if len(rows) < 3:
        return None
    return round(rows[-1]["all MiB"] / rows[len(rows) // 3]["all MiB"] - 1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=int, default=30, help="minutes")
    parser.add_argument("--idle", type=int, default=60, help="minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-memory-") as home:
        folder = DataFolder(Path(home).resolve())
        with running(folder) as system:
            client = redis.Redis.from_url(redis_url(system))
            stop = threading.Event()
            people = [threading.Thread(target=ask, args=(system.address, stop)) for _ in range(AT_ONCE)]
            for person in people:
                person.start()
            loaded = watch(system, client, "load", options.load)
            stop.set()
            for person in people:
                person.join()
            idle = watch(system, client, "idle", options.idle)
    figures = {
        "load_minutes": options.load,
        "idle_minutes": options.idle,
        "growth_under_load": growth(loaded),
        "growth_idle": growth(idle),
        "keys_for_ever": (loaded + idle)[-1]["for ever"],
        "most_keys": max(row["keys"] for row in loaded + idle),
    }
    grown = [figures["growth_under_load"] or 0, figures["growth_idle"] or 0]
    figures["within_target"] = max(grown) <= MOST_GROWTH and figures["keys_for_ever"] == 0
    publish("memory", figures, loaded + idle)


if __name__ == "__main__":
    main()
