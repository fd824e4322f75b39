"""Redis killed, wiped or frozen under a stream of jobs: nothing is lost, and nobody restarts anything."""

import asyncio
import signal

import pytest

from tests.faults.driving import driving, work
from tests.faults.house import wait_for
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
JOBS, AT_ONCE = 150, 12
FROZEN_S = 6.0
"""Longer than a worker waits for an answer of Redis."""


async def kill(house):
    house.signal("redis")


async def wipe(house):
    house.wipe_redis()


async def freeze(house):
    house.signal("redis", signal.SIGSTOP)
    await asyncio.sleep(FROZEN_S)
    house.signal("redis", signal.SIGCONT)


@pytest.mark.parametrize("harm", [kill, wipe, freeze])
async def test_a_stream_of_jobs_survives_redis_being_away(house, harm):
    async with driving(house) as driver:
        asked = [work(number) for number in range(JOBS)]
        streaming = asyncio.create_task(driver.run_all(asked, at_once=AT_ONCE))
        for done in (JOBS // 5, JOBS // 2):
            await asyncio.to_thread(wait_for, lambda done=done: sum(bool(each.end) for each in driver.shown) >= done)
            await harm(house)
        await streaming
        verdict = judge(driver)
    assert (verdict.done, verdict.flawless) == (JOBS, True), verdict
