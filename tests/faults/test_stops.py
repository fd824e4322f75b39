"""Processes that are frozen, stopped gently, or killed together with what watches over them."""

import asyncio
import signal

import pytest

from cli.state import State
from cli.stop import is_live, processes, wait_gone
from tests.faults.driving import driving, work
from tests.faults.house import House, wait_for
from tests.faults.service import Runs
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


async def until_begun(driver, count):
    """So many runs of the service have begun."""
    runs = Runs(driver.house.folder.path)
    await asyncio.to_thread(wait_for, lambda: len(runs.all()) >= count, 60, driver.house.logs)


def busy(house):
    """The worker that began a job last, and its process."""
    pid = Runs(house.folder.path).all()[-1].pid
    (name,) = (name for name in house.workers if house.pid(name) == pid)
    return name, pid


async def test_a_worker_that_was_frozen_past_its_lease_changes_nothing(house):
    async with driving(house) as driver:
        asked = [work(number, "slow", steps=8) for number in range(8)]  # longer than a lease, and some run alone again
        running = asyncio.create_task(driver.run_all(asked, at_once=8))
        await until_begun(driver, 8)
        name, pid = busy(house)
        assert house.signal(name, signal.SIGSTOP) == pid
        await running
        house.signal(name, signal.SIGCONT)
        await driver.run_all([work(number) for number in range(100, 110)], at_once=4)
        log = house.folder.log(name)
        await asyncio.to_thread(wait_for, lambda: "lost its lease; its result is dropped" in log.read_text())
        verdict = judge(driver)
        assert verdict.flawless, verdict
        assert verdict.wasted_attempts >= 1
        assert house.pid(name) == pid


async def test_a_worker_that_is_asked_to_end_hands_back_what_it_cannot_finish(tmp_path):
    with House(tmp_path, workers=2, environment={"DIPTYCH_WORKER_STOP_S": "0.5"}) as house:
        async with driving(house) as driver:
            asked = [work(number, "slow", steps=10) for number in range(8)]
            running = asyncio.create_task(driver.run_all(asked, at_once=8))
            await until_begun(driver, 8)
            name, pid = busy(house)
            assert house.signal(name, signal.SIGTERM) == pid
            await running
            verdict = judge(driver)
            assert verdict.flawless, verdict
            jobs = [driver.ledger.get(shown.job.id) for shown in driver.shown]
            assert {job.crashes + job.crashes_alone for job in jobs} == {0}
            assert max(job.attempt for job in jobs) == 2
            assert house.pid(name) != pid


async def test_a_killed_supervisor_takes_all_with_it_and_the_next_up_goes_on(house):
    async with driving(house) as driver:
        asked = [work(number, "slow" if number % 4 == 0 else "a cat") for number in range(40)]
        running = asyncio.create_task(driver.run_all(asked, at_once=12))
        await until_begun(driver, 12)
        members = processes(State.read(house.folder))
        house.supervisor.kill()
        assert not await asyncio.to_thread(wait_gone, members, 20)
        await asyncio.to_thread(house.supervisor.wait, 20)
        await asyncio.to_thread(house.up)
        await running
        verdict = judge(driver)
    assert (verdict.done, verdict.flawless) == (40, True), verdict


async def test_down_in_mid_work_leaves_no_process_and_the_next_up_finishes(house):
    async with driving(house) as driver:
        running = asyncio.create_task(driver.run_all([work(number, "slow") for number in range(20)], at_once=20))
        await until_begun(driver, 8)
        members = processes(State.read(house.folder))
        await asyncio.to_thread(house.down)
        assert not [process for process in members if is_live(process)]
        await asyncio.to_thread(house.up)
        await running
        verdict = judge(driver)
        jobs = [driver.ledger.get(shown.job.id) for shown in driver.shown]
    assert (verdict.done, verdict.flawless) == (20, True), verdict
    assert {job.crashes + job.crashes_alone for job in jobs} == {0}


async def test_killed_workers_leave_nothing_in_redis_that_grows(house):
    async with driving(house) as driver:
        for number in range(3):
            await driver.run_all([work(10 * number + each) for each in range(4)], at_once=4)
            for name in house.workers:
                before = house.signal(name)
                await asyncio.to_thread(
                    wait_for, lambda name=name, before=before: house.pid(name) not in (None, before)
                )
            await asyncio.to_thread(house.wait_for_workers)
    assert house.client.scard("_kombu.binding.celery.pidbox") == len(house.workers)
