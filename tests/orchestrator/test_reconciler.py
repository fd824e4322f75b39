"""What crashes leave behind is mended, by one orchestrator at a time and without a flood of wake-ups."""

import pytest

from orchestrator import reconciler as module
from orchestrator.reconciler import Reconciler
from orchestrator.records.leadership import Leadership
from orchestrator.records.queues import QueueRecords
from shared.jobs import GenerateImage, JobStatus, Queue, new_job
from shared.task_queue import Sender, make_celery


@pytest.fixture
def reconciler_of(sender, redis_client, engine, ledger, monkeypatch):
    monkeypatch.setattr(module, "UNDER_WAY_S", 0)

    def make(name="first", sender=sender):
        return Reconciler(
            sender, redis_client, QueueRecords(engine), Leadership(engine, "reconciler", name), max_attempts=3
        )

    return make


@pytest.fixture
def submit(ledger):
    def submit(seconds=30):
        job = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=seconds)
        ledger.submit(job)
        return job.id

    return submit


def test_lost_wake_ups_are_sent_again_and_never_more_than_jobs_wait(reconciler_of, redis_client, submit):
    for _ in range(5):
        submit()
    reconciler = reconciler_of()
    for _ in range(3):
        reconciler.reconcile()
    assert redis_client.llen(Queue.DIFFUSION) == 5
    redis_client.flushall()
    reconciler.reconcile()
    assert redis_client.llen(Queue.DIFFUSION) == 5


def test_a_job_that_was_submitted_just_now_has_its_wake_up_under_way(reconciler_of, redis_client, submit, monkeypatch):
    monkeypatch.setattr(module, "UNDER_WAY_S", 60)
    submit()
    reconciler_of().reconcile()
    assert redis_client.llen(Queue.DIFFUSION) == 0


def test_jobs_of_a_silent_worker_wait_again_and_are_woken(reconciler_of, redis_client, ledger, submit):
    job_id = submit()
    ledger.claim(Queue.DIFFUSION, "w", -1)
    reconciler_of().reconcile()
    assert (ledger.get(job_id).status, redis_client.llen(Queue.DIFFUSION)) == (JobStatus.QUEUED, 1)


def test_what_is_late_or_crashed_too_often_ends(reconciler_of, ledger, submit):
    reconciler = reconciler_of()
    crashing = submit()
    for _ in range(4):
        ledger.claim(Queue.DIFFUSION, "w", -1)
        reconciler.reconcile()
    late = submit(seconds=-1)
    reconciler.reconcile()
    assert ledger.get(late).error.code == "deadline_exceeded"
    assert ledger.get(crashing).error.code == "worker_crashed"


def test_one_orchestrator_at_a_time_mends(reconciler_of, redis_client, submit):
    reconciler_of("first").reconcile()
    submit()
    reconciler_of("second").reconcile()
    assert redis_client.llen(Queue.DIFFUSION) == 0
    reconciler_of("first").reconcile()
    assert redis_client.llen(Queue.DIFFUSION) == 1


def test_where_the_broker_is_away_nothing_is_tried_job_by_job(reconciler_of, submit, unused_tcp_port, caplog):
    for _ in range(3):
        submit()
    with Sender(make_celery(f"redis://127.0.0.1:{unused_tcp_port}/0")) as sender:
        reconciler_of(sender=sender).reconcile()
    assert len([record for record in caplog.records if "no wake-up" in record.message]) == 1
