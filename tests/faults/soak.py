"""`python -m tests.faults.soak --kills 3000`: the faults of the test suite at length, counted.

A stream of jobs runs on real workers while they, or Redis, are killed; jobs are cancelled, or crash their worker.
Each kind that is asked for has a house of its own. Prints what was lost, shown twice, and how long mending took.
"""

import argparse
import asyncio
import itertools
import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import publish
from tests.faults.cancelling import cancel_every_other
from tests.faults.driving import Driver, driving, work
from tests.faults.house import House
from tests.faults.killing import kill_workers, recoveries
from tests.faults.outages import claims_after, kill_redis
from tests.faults.poisoning import poisoned, unlike_poison
from tests.faults.service import SLOW_STEP_S, Runs
from tests.faults.verdict import judge

AT_ONCE = 24
JOB_S = 3600.0
OUTAGE_EVERY_S = 4.0


@dataclass
class Found:
    """What one kind of fault did beyond the jobs themselves."""

    faults: int
    waits_s: Sequence[float] = ()
    """How long each mending took."""
    wrong: Sequence[str] = ()
    """What did not go as it should, in sentences."""
    own_faults: Sequence[str] = ()
    """Codes of errors that jobs may end with."""


def percentile(values: Sequence[float], share: float) -> float | None:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2) if ordered else None


async def stream_while(driver: Driver, harming: "asyncio.Task[Any]") -> None:
    """Jobs without end until the harm is done."""
    wanted = itertools.takewhile(lambda _: not harming.done(), map(work, itertools.count()))
    await driver.run_all(wanted, at_once=AT_ONCE)


async def kills(driver: Driver, options: argparse.Namespace) -> Found:
    killing = kill_workers(driver, options.kills, every_s=options.every_s, seed=options.seed)
    harming = asyncio.create_task(killing)
    await stream_while(driver, harming)
    return Found(options.kills, recoveries(await harming, Runs(driver.house.folder.path).all()))


async def redis_kills(driver: Driver, options: argparse.Namespace) -> Found:
    harming = asyncio.create_task(kill_redis(driver, options.redis_kills, every_s=OUTAGE_EVERY_S, seed=options.seed))
    await stream_while(driver, harming)
    return Found(options.redis_kills, claims_after(await harming, Runs(driver.house.folder.path).all()))


async def cancels(driver: Driver, options: argparse.Namespace) -> Found:
    made = await cancel_every_other(driver, options.cancels, seed=options.seed)
    late = [f"a cancel took {each:.2f} s" for each in made.took_s if each > SLOW_STEP_S + 1]
    return Found(options.cancels, made.took_s, made.touched + late, ["job_cancelled"])


async def poison(driver: Driver, options: argparse.Namespace) -> Found:
    asked = poisoned(options.poison)
    await driver.run_all(asked, at_once=len(asked))
    return Found(options.poison, (), unlike_poison(driver, most_crashes=3), ["worker_crashed"])


KINDS: dict[str, Callable[[Driver, argparse.Namespace], Awaitable[Found]]] = {
    "kills": kills,
    "redis_kills": redis_kills,
    "cancels": cancels,
    "poison": poison,
}


async def run(kind: str, options: argparse.Namespace, data: Path) -> dict[str, Any]:
    """One kind of fault in a house of its own, as a row of the table."""
    with House(data, workers=options.workers, lease_s=options.lease_s) as house:
        async with driving(house, seconds=JOB_S) as driver:
            found = await KINDS[kind](driver, options)
            verdict = judge(driver, found.own_faults)
    for sentence in (*verdict.lost, *verdict.duplicates, *verdict.different, *found.wrong):
        print(f"{kind}: {sentence}")
    return {
        "kind": kind,
        "faults": found.faults,
        "jobs": verdict.jobs,
        "done": verdict.done,
        "lost": len(verdict.lost),
        "twice": len(verdict.duplicates),
        "different": len(verdict.different),
        "wrong": len(found.wrong),
        "wasted": verdict.wasted_attempts,
        "p50_s": percentile(found.waits_s, 0.5),
        "p99_s": percentile(found.waits_s, 0.99),
        "max_s": percentile(found.waits_s, 1.0),
    }


def figures_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    by_kind = {row["kind"]: row for row in rows}
    counted = {name: name for name in ("jobs", "done", "lost", "different", "wrong")}
    counted |= {"duplicates": "twice", "wasted_attempts": "wasted"}
    return {
        **{kind: row["faults"] for kind, row in by_kind.items()},
        **{name: sum(row[column] for row in rows) for name, column in counted.items()},
        "recovery_p99_s": by_kind.get("kills", {}).get("p99_s"),
        "redis_recovery_p99_s": by_kind.get("redis_kills", {}).get("p99_s"),
        "cancel_p99_s": by_kind.get("cancels", {}).get("p99_s"),
        "cancel_max_s": by_kind.get("cancels", {}).get("max_s"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="SIGKILLs of workers")
    parser.add_argument("--redis-kills", type=int, default=0, help="SIGKILLs of Redis, every other one wiped")
    parser.add_argument("--cancels", type=int, default=0)
    parser.add_argument("--poison", type=int, default=0, help="jobs that crash their worker")
    parser.add_argument("--lease-s", type=float, default=1.0)
    parser.add_argument("--every-s", type=float, default=0.3, help="mean pause between two kills of workers")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="soak", help="of the file in bench/results")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)  # each fault is warned of, a thousand times
    rows = []
    for kind in KINDS:
        if getattr(options, kind):
            with tempfile.TemporaryDirectory(prefix="diptych-soak-") as folder:
                rows.append(asyncio.run(run(kind, options, Path(folder).resolve())))
    publish(options.name, {"lease_s": options.lease_s, **figures_of(rows)}, rows)


if __name__ == "__main__":
    main()
