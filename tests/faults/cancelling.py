"""Cancels of jobs at random moments: while they wait, between their steps, as they end, and after."""

import asyncio
import random
import time
from dataclasses import dataclass, field

from shared.jobs import JobStatus
from tests.faults.driving import Driver, work
from tests.faults.service import SLOW_STEP_S

STEPS, AT_ONCE = 4, 16
LATEST_S = STEPS * SLOW_STEP_S * 3
"""After this most jobs are over."""


@dataclass
class Cancels:
    """What became of jobs of which every other one was cancelled."""

    took_s: list[float] = field(default_factory=list)
    """From each cancel to its job's end as it was shown."""
    in_time: int = 0
    """Cancels that came before the end."""
    touched: list[str] = field(default_factory=list)
    """Jobs that nobody cancelled and that were not done at their first attempt."""


async def cancel_every_other(driver: Driver, cancels: int, *, seed: int) -> Cancels:
    """Twice as many jobs as cancels."""
    chance, free, seen = random.Random(seed), asyncio.Semaphore(AT_ONCE), Cancels()

    async def one(number: int) -> None:
        job = driver.job(work(number, "slow", steps=STEPS))
        async with free:
            await asyncio.to_thread(driver.ledger.submit, job)  # so that there is something to cancel at any moment
            running = asyncio.create_task(driver.follow(job))
            if number % 2:
                await asyncio.sleep(chance.uniform(0.0, LATEST_S))
                await asyncio.to_thread(driver.ledger.cancel, job.id)
                began = time.monotonic()
                await running
                seen.took_s.append(time.monotonic() - began)
            await running
        status, attempt = (ended := driver.ledger.get(job.id)).status, ended.attempt
        if number % 2:
            seen.in_time += status is JobStatus.CANCELLED
        elif (status, attempt) != (JobStatus.DONE, 1):
            seen.touched.append(f"{job.id}: {status} at attempt {attempt}")

    await asyncio.gather(*(one(number) for number in range(2 * cancels)))
    return seen
