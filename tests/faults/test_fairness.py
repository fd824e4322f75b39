"""Nobody's hundred requests delay another's first one by more than what is under way."""

import asyncio

import pytest

from tests.faults.driving import driving, work
from tests.faults.house import House, wait_for
from tests.faults.service import Runs
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
MANY, THREADS = 100, 4


async def test_the_first_job_of_another_key_begins_before_a_second_batch_of_those_that_wait(tmp_path):
    with House(tmp_path, workers=1, environment={"DIPTYCH_WORKER_THREADS": str(THREADS)}) as house:
        async with driving(house) as driver:
            many = [asyncio.create_task(driver.follow(driver.job(work(number, "slow"), "a"))) for number in range(MANY)]
            runs = Runs(tmp_path)
            await asyncio.to_thread(wait_for, lambda: len(runs.all()) >= THREADS, 60, house.logs)
            first = driver.job(work(MANY), "b")
            follow = asyncio.create_task(driver.follow(first))
            await asyncio.to_thread(wait_for, lambda: any(each.job == first and each.events for each in driver.shown))
            before = len(runs.all())
            await follow
            order = [run.job_id for run in runs.all()]
            assert order.index(first.id) - before < THREADS + 1
            for waiting in driver.shown:
                await asyncio.to_thread(driver.ledger.cancel, waiting.job.id)
            await asyncio.gather(*many)
            verdict = judge(driver, own_faults={"job_cancelled"})
    assert verdict.flawless, verdict
