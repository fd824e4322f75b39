"""Workers that are killed at random moments lose nothing, show nothing twice, and change no result."""

import asyncio
import itertools

import pytest
import sqlalchemy as sa

from shared.database import open_engine
from tests.faults.driving import driving, work
from tests.faults.house import House
from tests.faults.killing import kill_workers
from tests.faults.verdict import judge

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SEED = 1
PICTURES, STEPS = 8, 12
"""What the painter paints time and again under kills."""


def painting(number):
    return work(number % PICTURES, "an orange cat", steps=STEPS, fresh=True)


async def stream_under_kills(driver, kills, asked, *, every_s, at_once):
    """Jobs without end until so many workers were killed."""
    killing = asyncio.create_task(kill_workers(driver, kills, every_s=every_s, seed=SEED))
    wanted = itertools.takewhile(lambda _: not killing.done(), map(asked, itertools.count()))
    await driver.run_all(wanted, at_once=at_once)
    assert len(await killing) == kills


async def test_a_stream_of_jobs_survives_170_kills(tmp_path):
    with House(tmp_path, workers=4) as house:
        async with driving(house) as driver:
            await stream_under_kills(driver, 170, work, every_s=0.25, at_once=24)
            verdict = judge(driver)
    assert verdict.flawless, verdict
    assert verdict.done > 170


async def test_a_stream_of_jobs_in_postgresql_survives_20_kills(tmp_path, postgres_url):
    engine = open_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    with House(tmp_path, workers=4, environment={"DIPTYCH_DATABASE_URL": postgres_url}) as house:
        async with driving(house) as driver:
            await stream_under_kills(driver, 20, work, every_s=0.25, at_once=24)
            verdict = judge(driver)
    assert verdict.flawless, verdict
    assert verdict.done > 20


async def test_the_painter_paints_the_same_pictures_under_10_kills(tmp_path):
    with House(tmp_path, workers=2, module="workers.diffusion", lease_s=2.0) as house:
        async with driving(house) as driver:
            undisturbed = await driver.run_all(map(painting, range(PICTURES)), at_once=1)
            expected = {shown.job.input.seed: driver.store.get(shown.end.output.artifact) for shown in undisturbed}
            await stream_under_kills(driver, 10, painting, every_s=1.5, at_once=8)
            verdict = judge(driver, expected=expected)
    assert len(set(expected.values())) == PICTURES
    assert verdict.flawless, verdict
