"""Redis away again and again under a stream of jobs: killed with its data, killed without, in turn."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from shared.jobs import Queue
from tests.faults.driving import Driver
from tests.faults.house import House, wait_for
from tests.faults.service import Run

MOST = 10_000


@dataclass(frozen=True)
class Outage:
    """A time without Redis."""

    over_at: float
    """When it answered again, in seconds since 1970."""
    waiting: frozenset[str]
    """The jobs that waited then."""


def _answers(house: House) -> bool:
    with contextlib.suppress(RedisError):
        return bool(house.client.ping())
    return False


async def kill_redis(driver: Driver, count: int, *, every_s: float, seed: int) -> list[Outage]:
    """So many outages; the pauses between them are random, of that mean."""
    chance, outages, house = random.Random(seed), [], driver.house
    for number in range(count):
        await asyncio.sleep(chance.uniform(0.2, 1.8) * every_s)
        before = house.pid("redis")
        if number % 2:
            house.wipe_redis()
        else:
            house.signal("redis")
        await asyncio.to_thread(wait_for, lambda before=before: house.pid("redis") not in (None, before))
        await asyncio.to_thread(wait_for, lambda: _answers(house))
        over_at = time.time()
        waiting = await asyncio.to_thread(driver.queues.waiting_ids, Queue.DIFFUSION, since_s=0, limit=MOST)
        outages.append(Outage(over_at, frozenset(waiting)))
    return outages


def claims_after(outages: list[Outage], runs: list[Run]) -> list[float]:
    """Seconds from each outage's end to the next run of each job that waited then."""
    begun: dict[str, list[float]] = {}
    for run in runs:
        begun.setdefault(run.job_id, []).append(run.at)
    return [
        min(at) - outage.over_at
        for outage in outages
        for job_id in outage.waiting
        if (at := [each for each in begun.get(job_id, []) if each > outage.over_at])
    ]
