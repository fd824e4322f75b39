"""Jobs that are cancelled at any moment end, and their neighbours in the same worker are untouched."""

import pytest

from tests.faults.cancelling import cancel_every_other
from tests.faults.driving import driving
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
CANCELS = 50


async def test_cancels_at_random_moments_end_their_jobs_and_no_others(house):
    async with driving(house) as driver:
        cancels = await cancel_every_other(driver, CANCELS, seed=1)
        verdict = judge(driver, own_faults={"job_cancelled"})
    assert verdict.flawless, verdict
    assert cancels.touched == []
    assert len(cancels.took_s) == CANCELS
    assert 0 < cancels.in_time <= CANCELS
