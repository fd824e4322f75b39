"""A worker's runner: one holder, events as they happen, every end in the ledger, nothing internal in an error."""

import threading

import pytest
import redis

from shared.errors import InvalidRequest
from shared.events import JobProgress
from shared.jobs import GenerateImage, JobStatus, new_job
from workers import job_run
from workers.job_run import JobRunner


@pytest.fixture
def job(ledger):
    job = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=30)
    ledger.submit(job)
    return job


@pytest.fixture
def events():
    return []


@pytest.fixture
def runner(ledger, events):
    class Sink:
        append = staticmethod(events.append)

    return JobRunner(ledger, Sink(), lease_s=15)


def stepping(job, steps=3, between=lambda step: None):
    for step in range(1, steps + 1):
        yield JobProgress(job_id=job.id, attempt=job.attempt, step=step, total=steps)
        between(step)


def test_a_job_is_claimed_done_and_told(runner, ledger, job, events, performed):
    def perform(claimed):
        yield from stepping(claimed)
        yield from performed(claimed)

    runner.run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.DONE
    types = [event.type for event in events]
    assert types == ["job_started", "job_progress", "job_progress", "job_progress", "job_finished"]


def test_a_job_that_was_done_is_not_done_again(runner, job, events, performed):
    runner.run(job.id, performed)
    runner.run(job.id, performed)
    assert [event.type for event in events] == ["job_started", "job_finished"]


def test_an_error_for_people_is_kept_and_any_other_is_not(runner, ledger, events):
    for error, code in ((InvalidRequest("Too big."), "invalid_request"), (ValueError("/root/x"), "internal_error")):
        job = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=30)
        ledger.submit(job)

        def perform(claimed, error=error):
            yield from stepping(claimed, 1)
            raise error

        runner.run(job.id, perform)
        ended = ledger.get(job.id)
        assert (ended.status, ended.error.code) == (JobStatus.FAILED, code)
        assert "/root" not in ended.error.message
        assert events[-1].type == "job_failed"


def test_cancelling_stops_the_service_between_steps(runner, ledger, job, monkeypatch):
    monkeypatch.setattr(job_run, "CHECK_EVERY_S", 0)
    closed = []

    def perform(claimed):
        try:
            yield from stepping(claimed, 100, lambda step: step == 3 and ledger.cancel(job.id))
        finally:
            closed.append(True)

    runner.run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.CANCELLED
    assert closed == [True]


def test_a_job_past_its_deadline_stops(runner, ledger, monkeypatch):
    job = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=0.2)
    ledger.submit(job)
    pause = threading.Event()
    runner.run(job.id, lambda claimed: stepping(claimed, 50, lambda step: pause.wait(0.02)))
    assert ledger.get(job.id).error.code == "deadline_exceeded"


def test_who_lost_the_lease_changes_nothing(runner, ledger, job, events, monkeypatch):
    monkeypatch.setattr(job_run, "CHECK_EVERY_S", 0)

    def perform(claimed):
        yield from stepping(claimed, 1)
        ledger.renew(job.id, claimed.attempt, lease_s=-1)
        assert ledger.claim(job.id, 15).attempt == 2
        yield from stepping(claimed, 1)

    runner.run(job.id, perform)
    current = ledger.get(job.id)
    assert (current.status, current.attempt, current.error) == (JobStatus.RUNNING, 2, None)
    assert events[-1].type == "job_progress"


def test_a_long_step_keeps_its_lease(ledger, job, events, performed):
    class Sink:
        append = staticmethod(events.append)

    pause = threading.Event()

    def perform(claimed):
        pause.wait(1.2)  # several leases long, without a yield
        assert ledger.claim(job.id, 15) is None
        yield from performed(claimed)

    JobRunner(ledger, Sink(), lease_s=0.4).run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.DONE


def test_without_redis_the_work_is_still_done(ledger, job, performed):
    class Deaf:
        def append(self, event):
            raise redis.ConnectionError

    JobRunner(ledger, Deaf(), lease_s=15).run(job.id, performed)
    assert ledger.get(job.id).status is JobStatus.DONE
