"""A job that crashes its worker every time fails after three crashes alone, and its neighbours do not pay for it."""

import pytest

from tests.faults.driving import driving
from tests.faults.poisoning import NEIGHBOURS, poisoned, unlike_poison
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
POISONOUS = 5


async def test_poisonous_jobs_fail_and_all_their_neighbours_succeed(house):
    async with driving(house) as driver:
        await driver.run_all(poisoned(POISONOUS), at_once=POISONOUS * (NEIGHBOURS + 1))
        verdict = judge(driver, own_faults={"worker_crashed"})
        assert (verdict.done, verdict.flawless) == (POISONOUS * NEIGHBOURS, True), verdict
        assert unlike_poison(driver, most_crashes=3) == []
