"""What tests of the workers share: a job done by the runner, with the work that the test's own module names."""

import pytest

from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from shared.jobs import new_job
from tests.conftest import ListSink
from workers.job_run import JobRunner


@pytest.fixture(scope="session")
def reader():
    return Reader.from_settings(OcrSettings())


@pytest.fixture
def done(store, ledger, works):
    """A function that has a job done and gives back what became of it, and its events.

    `works`, a fixture of the test's module, says how each kind of job is done.
    """

    def do(work, works=works):
        job, events = new_job(work, owner="local", seconds=60).model_copy(update={"reply_to": "here"}), []
        ledger.submit(job)
        JobRunner(ledger, ListSink(events.append), lease_s=15).run(job.id, works[job.kind])
        return ledger.get(job.id), events

    return do
