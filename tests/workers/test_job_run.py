"""A worker's runner: one holder, events as they happen, every end in the ledger, nothing internal in an error."""

import threading

import pytest
import redis

from orchestrator.records.queues import QueueRecords
from shared.errors import ErrorRecord, InvalidRequest
from shared.event_log import EventWriter
from shared.events import JobProgress
from shared.jobs import GenerateImage, JobKind, JobStatus, Queue, new_job
from tests.waiting import until
from workers.job_run import JobRunner

WITHIN_S = 5


@pytest.fixture
def submit(ledger):
    def submit(seconds=30):
        job = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=seconds)
        job = job.model_copy(update={"reply_to": "stream"})
        ledger.submit(job)
        return job

    return submit


@pytest.fixture
def job(submit):
    return submit()


@pytest.fixture
def events():
    return []


class Sink:
    def __init__(self, events):
        self.events, self.streams = events, set()

    def append(self, stream, event):
        self.events.append(event)
        self.streams.add(stream)


@pytest.fixture
def sink(events):
    return Sink(events)


@pytest.fixture
def runner(ledger, sink):
    return JobRunner(ledger, sink, lease_s=15)


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


def test_an_error_for_people_is_kept_and_any_other_is_not(runner, ledger, events, submit):
    for error, code in ((InvalidRequest("Too big."), "invalid_request"), (ValueError("/root/x"), "internal_error")):
        job = submit()

        def perform(claimed, error=error):
            yield from stepping(claimed, 1)
            raise error

        runner.run(job.id, perform)
        ended = ledger.get(job.id)
        assert (ended.status, ended.error.code) == (JobStatus.FAILED, code)
        assert "/root" not in ended.error.message
        assert events[-1].type == "job_failed"


def test_the_next_job_is_done_whichever_it_is(runner, ledger, submit, performed):
    jobs = [submit() for _ in range(3)]
    runner.run_next(Queue.DIFFUSION, {JobKind.GENERATE_IMAGE: performed})
    assert [ledger.get(job.id).status for job in jobs] == [JobStatus.DONE, JobStatus.QUEUED, JobStatus.QUEUED]
    runner.close()
    runner.run_next(Queue.DIFFUSION, {JobKind.GENERATE_IMAGE: performed})
    assert ledger.get(jobs[1].id).status is JobStatus.QUEUED


def test_cancelling_stops_the_service_between_steps(runner, ledger, job):
    closed = []

    def perform(claimed):
        try:
            yield from stepping(claimed, 2)
            ledger.cancel(job.id)
            for _ in range(WITHIN_S * 100):
                yield from stepping(claimed, 1, lambda step: threading.Event().wait(0.01))
        finally:
            closed.append(True)

    runner.run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.CANCELLED
    assert closed == [True]


def test_a_job_past_its_deadline_stops(runner, ledger, submit):
    job = submit(seconds=1)
    pause = threading.Event()
    runner.run(job.id, lambda claimed: stepping(claimed, 500, lambda step: pause.wait(0.02)))
    assert ledger.get(job.id).error.code == "deadline_exceeded"


def test_who_lost_the_lease_changes_nothing(runner, ledger, engine, job, events):
    def perform(claimed):
        yield from stepping(claimed, 1)
        (hold,) = runner._holds._holds.values()
        ledger.renew(runner._holds.holder, -1)
        QueueRecords(engine).requeue_lost(ErrorRecord(code="c", message="m"), 3)
        assert ledger.claim(Queue.DIFFUSION, "another", 15).attempt == 2
        until(lambda: hold.lost, WITHIN_S)
        yield from stepping(claimed, 1)

    runner.run(job.id, perform)
    current = ledger.get(job.id)
    assert (current.status, current.attempt, current.error) == (JobStatus.RUNNING, 2, None)
    assert events[-1].type == "job_progress"


def test_a_long_step_keeps_its_lease(ledger, engine, job, sink, performed):
    def perform(claimed):
        threading.Event().wait(1.2)  # several leases long, without a yield
        assert QueueRecords(engine).requeue_lost(ErrorRecord(code="c", message="m"), 3) == []
        yield from performed(claimed)

    JobRunner(ledger, sink, lease_s=0.4).run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.DONE


def test_a_job_that_is_handed_back_waits_for_another_worker(runner, ledger, job, events, performed):
    def perform(claimed):
        yield from stepping(claimed, 1)
        runner.hand_back()
        yield from stepping(claimed, 1)

    runner.run(job.id, perform)
    assert ledger.get(job.id).status is JobStatus.QUEUED
    assert events[-1].type == "job_progress"
    JobRunner(ledger, Sink(events), lease_s=15).run(job.id, performed)
    assert (ledger.get(job.id).attempt, ledger.get(job.id).crashes) == (2, 0)


def test_events_follow_a_job_to_whoever_follows_it_now(runner, ledger, job, sink, performed):
    def perform(claimed):
        yield from stepping(claimed, 1)
        assert sink.streams == {"stream"}
        (hold,) = runner._holds._holds.values()
        ledger.submit(job.model_copy(update={"reply_to": "elsewhere"}))
        until(lambda: hold.reply_to == "elsewhere", WITHIN_S)
        yield from performed(claimed)

    runner.run(job.id, perform)
    assert sink.streams == {"stream", "elsewhere"}


def test_without_redis_the_work_is_still_done(ledger, job, performed, unused_tcp_port):
    with EventWriter(redis.Redis(port=unused_tcp_port)) as writer:
        JobRunner(ledger, writer, lease_s=15).run(job.id, performed)
    assert ledger.get(job.id).status is JobStatus.DONE
