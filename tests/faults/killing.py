"""SIGKILL of workers at random moments, and what became of the jobs that they held."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from time import time

import sqlalchemy as sa

from shared.job_table import jobs
from shared.jobs import JobStatus
from tests.faults.driving import Driver
from tests.faults.service import Run


@dataclass(frozen=True)
class Kill:
    """A worker that was killed."""

    at: float
    """Seconds since 1970."""
    held: tuple[tuple[str, int], ...]
    """The jobs that it held, each with its attempt."""


def held_by(engine: sa.Engine, pid: int) -> tuple[tuple[str, int], ...]:
    """The jobs that a process of this machine holds, or held when it died."""
    running = sa.select(jobs.c.id, jobs.c.attempt).where(jobs.c.status == JobStatus.RUNNING)
    with engine.connect() as connection:
        rows = connection.execute(running.where(jobs.c.holder.like(f"%:{pid}:%")))
        return tuple((row.id, row.attempt) for row in rows)


async def kill_workers(driver: Driver, count: int, *, every_s: float, seed: int) -> list[Kill]:
    """So many kills; the pauses between them are random, of that mean, and longer where a slow machine gets less done
    than is killed: workers that die before they take a job would show nothing."""
    chance, kills = random.Random(seed), []
    while len(kills) < count:
        await asyncio.sleep(chance.uniform(0.2, 1.8) * every_s)
        if len(driver.ends) <= len(kills):
            continue
        at = time()
        if pid := driver.house.signal(chance.choice(driver.house.workers)):
            kills.append(Kill(at, await asyncio.to_thread(held_by, driver.engine, pid)))
    return kills


def recoveries(kills: Sequence[Kill], runs: Sequence[Run]) -> list[float]:
    """Seconds from each kill to the next run of each job that was held."""
    begun: dict[str, list[Run]] = {}
    for run in runs:
        begun.setdefault(run.job_id, []).append(run)
    waits = []
    for kill in kills:
        for job_id, attempt in kill.held:
            again = [run.at for run in begun.get(job_id, []) if run.attempt > attempt]
            waits += [min(again) - kill.at] if again else []
    return waits
