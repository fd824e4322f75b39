"""A place for pictures that is full: the job says so, its worker lives on, and nothing half-written is left."""

import resource

import pytest

from shared.events import JobFailed
from tests.faults.driving import driving, work
from tests.faults.house import House
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LARGEST_FILE = 6 * 2**20
"""More than ledger and log come to, and less than a `large` picture."""


async def test_a_picture_that_cannot_be_written_fails_its_job_alone(tmp_path):
    with House(tmp_path, workers=1) as house:
        async with driving(house) as driver:
            (before,) = await driver.run_all([work(1)], at_once=1)
            pid = house.pid("worker-1")
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
            (failed, sound) = await driver.run_all([work(2, "large"), work(3)], at_once=2)
            assert isinstance(failed.end, JobFailed)
            assert failed.end.error.code == "storage_failed"
            assert "File too large" in failed.end.error.message
            verdict = judge(driver, own_faults={"storage_failed"})
            assert (verdict.done, verdict.flawless) == (2, True), verdict
            assert house.pid("worker-1") == pid
    kept = {path.name for path in (tmp_path / "artifacts").rglob("*") if path.is_file()}
    assert kept == {shown.end.output.artifact for shown in (before, sound)}
