"""What becomes of jobs, as metrics: told by a real ledger, whoever commits it."""

import pytest

from orchestrator.records.queues import QueueRecords
from shared.errors import ErrorRecord
from shared.job_metrics import JobMetrics
from shared.jobs import GenerateImage, JobKind, JobStatus, Queue, new_job
from shared.ledger import Ledger
from shared.metrics import new_registry
from shared.text_jobs import TextRead

CRASHED = ErrorRecord(code="worker_crashed", message="It crashed.")
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def registry():
    return new_registry()


@pytest.fixture
def metrics(registry):
    return JobMetrics(registry)


@pytest.fixture
def watched(each_engine, metrics):
    return Ledger(each_engine, metrics)


@pytest.fixture
def queues(each_engine, metrics):
    return QueueRecords(each_engine, metrics)


@pytest.fixture
def submit(watched):
    def submit(owner="local", seconds=60):
        job = new_job(GenerateImage(prompt="a cat", seed=1), owner=owner, seconds=seconds)
        watched.submit(job)
        return job

    return submit


@pytest.fixture
def value(registry):
    def value(name, **labels):
        return registry.get_sample_value(f"diptych_{name}", {"kind": "generate_image"} | labels)

    return value


def claim(ledger, lease_s=15):
    return ledger.claim(Queue.DIFFUSION, "worker", lease_s)


def test_a_job_is_counted_from_submission_to_its_end_by_kind_and_owner(watched, submit, value):
    job = submit(owner=KEY)
    watched.submit(job)  # it is there already
    attempt = claim(watched).attempt
    watched.finish(job.id, attempt, TextRead(lines=(), width=1, height=1, engine="e", seconds=1))
    watched.finish(
        job.id, attempt, TextRead(lines=(), width=1, height=1, engine="e", seconds=1)
    )  # not its own any more

    assert value("jobs_submitted_total") == value("job_attempts_total") == 1
    assert value("jobs_ended_total", status="done", code="") == 1
    assert value("job_wait_seconds_count", owner="01234567") == value("job_run_seconds_count", owner="01234567") == 1
    assert value("job_wait_seconds_count", owner=KEY) is None


def test_what_was_only_looked_up_is_counted_besides(watched, submit, value, performed):
    for kept in (False, True):
        (image,) = performed(submit())
        job = claim(watched)
        watched.finish(job.id, job.attempt, image.model_copy(update={"kept": kept}))
    assert value("jobs_ended_total", status="done", code="") == 2
    assert value("pictures_looked_up_total") == 1


def test_failures_are_counted_by_code(watched, submit, value):
    job = submit()
    watched.fail(job.id, claim(watched).attempt, ErrorRecord(code="invalid_box", message="No."))
    assert value("jobs_ended_total", status="failed", code="invalid_box") == 1
    assert value("job_run_seconds_count", owner="local") == 1


def test_what_ends_without_a_worker_has_no_run(watched, queues, submit, value):
    watched.cancel(submit().id)
    late = submit(seconds=-1)
    queues.end_late(ErrorRecord(code="deadline_exceeded", message="Late."))
    assert watched.get(late.id).status is JobStatus.FAILED
    assert value("jobs_ended_total", status="cancelled", code="job_cancelled") == 1
    assert value("jobs_ended_total", status="failed", code="deadline_exceeded") == 1
    assert value("job_run_seconds_count", owner="local") is None


def test_each_lease_that_ran_out_is_counted_and_the_wait_only_once(watched, queues, submit, value):
    submit()
    for _ in range(3):
        claim(watched, lease_s=-1)
        queues.requeue_lost(CRASHED, max_crashes=2)
    assert value("lease_expiries_total", alone="false") == 1
    assert value("lease_expiries_total", alone="true") == 2
    assert value("job_attempts_total") == 3
    assert value("job_wait_seconds_count", owner="local") == 1
    assert value("jobs_ended_total", status="failed", code="worker_crashed") == 1


def test_dropped_attempts_are_counted_by_reason(metrics, value):
    metrics.dropped(JobKind.GENERATE_IMAGE, "lease_lost")
    assert value("job_attempts_dropped_total", reason="lease_lost") == 1
