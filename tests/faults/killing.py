"""SIGKILL of workers at random moments, and what became of the jobs that they held.

One kind of moment is left out: a job that crashed its worker twice while alone there is given up at the third crash,
whoever caused it, and a killer cannot be told from a job that kills. Whoever holds such a job is spared.
"""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from time import time
from typing import NamedTuple

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
    held: Sequence["Held"]


class Held(NamedTuple):
    """A job that a process of this machine holds, or held when it died."""

    job_id: str
    attempt: int
    crashes_alone: int


def held_by(engine: sa.Engine, pid: int) -> Sequence[Held]:
    running = sa.select(jobs.c.id, jobs.c.attempt, jobs.c.crashes_alone).where(jobs.c.status == JobStatus.RUNNING)
    with engine.connect() as connection:
        return [Held(*row) for row in connection.execute(running.where(jobs.c.holder.like(f"%:{pid}:%")))]


def kill_worker(driver: Driver, name: str) -> Kill | None:
    """None where it is dead already, or spared. It is frozen while its jobs are looked at: they stay what they are."""
    pid = driver.house.signal(name, signal.SIGSTOP)
    if pid is None:
        return None
    at, held = time(), held_by(driver.engine, pid)
    spared = any(each.crashes_alone + 1 >= driver.max_attempts for each in held)
    os.kill(pid, signal.SIGCONT if spared else signal.SIGKILL)
    return None if spared else Kill(at, held)


async def kill_workers(driver: Driver, count: int, *, every_s: float, seed: int) -> list[Kill]:
    """So many kills; the pauses between them are random, of that mean, and longer where a slow machine gets less done
    than is killed: workers that die before they take a job would show nothing."""
    chance, kills = random.Random(seed), []
    while len(kills) < count:
        await asyncio.sleep(chance.uniform(0.2, 1.8) * every_s)
        if len(driver.ends) <= len(kills):
            continue
        if kill := await asyncio.to_thread(kill_worker, driver, chance.choice(driver.house.workers)):
            kills.append(kill)
    return kills


def recoveries(kills: Sequence[Kill], runs: Sequence[Run]) -> list[float]:
    """Seconds from each kill to the next run of each job that was held."""
    begun: dict[str, list[Run]] = {}
    for run in runs:
        begun.setdefault(run.job_id, []).append(run)
    waits = []
    for kill in kills:
        for held in kill.held:
            again = [run.at for run in begun.get(held.job_id, []) if run.attempt > held.attempt]
            waits += [min(again) - kill.at] if again else []
    return waits
