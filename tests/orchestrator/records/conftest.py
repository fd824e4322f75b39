"""All records are tested in both databases."""

import pytest

from shared.jobs import GenerateImage, new_job


@pytest.fixture
def engine(each_engine):
    return each_engine


@pytest.fixture
def submit(ledger):
    def submit(owner="local"):
        job = new_job(GenerateImage(prompt="a cat", seed=7), owner=owner, seconds=60)
        ledger.submit(job)
        return job.id

    return submit
