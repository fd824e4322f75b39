"""The ledger's promises: one holder at a time, the newest attempt wins, an end is an end."""

import threading
import time

import pytest

from shared.errors import ErrorRecord, NotFound
from shared.jobs import GeneratedImage, GenerateImage, JobStatus, new_job
from shared.ledger import Hold

ERROR = ErrorRecord(code="broken", message="It broke.")


@pytest.fixture
def job(ledger):
    job = new_job(GenerateImage(prompt="a cat", seed=7), owner="local", seconds=60)
    ledger.submit(job)
    return job


def picture(seed=7):
    return GeneratedImage(
        artifact=f"{'a' * 64}.png",
        width=8,
        height=8,
        native_width=8,
        native_height=8,
        seed=seed,
        steps=1,
        guidance_scale=1,
        model="m",
        seconds=0.1,
    )


def expire(ledger, job_id, attempt):
    ledger.renew(job_id, attempt, lease_s=-1)


def test_a_submitted_job_comes_back_as_it_was(ledger, job):
    assert ledger.get(job.id) == job


def test_an_unknown_job_is_not_found(ledger):
    with pytest.raises(NotFound):
        ledger.get("job_none")


def test_of_many_claimers_exactly_one_gets_the_job(ledger, job):
    claims = []
    threads = [threading.Thread(target=lambda: claims.append(ledger.claim(job.id, 15))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([claim for claim in claims if claim is not None]) == 1


def test_a_job_whose_holder_fell_silent_is_claimed_again_and_the_crash_counted(ledger, job):
    assert ledger.claim(job.id, 15).attempt == 1
    assert ledger.claim(job.id, 15) is None
    expire(ledger, job.id, 1)
    second = ledger.claim(job.id, 15)
    assert (second.attempt, second.crashes) == (2, 1)


def test_a_stale_attempt_changes_nothing(ledger, job):
    ledger.claim(job.id, 15)
    expire(ledger, job.id, 1)
    ledger.claim(job.id, 15)
    assert ledger.renew(job.id, 1, 15) is Hold.LOST
    assert not ledger.finish(job.id, 1, picture())
    assert not ledger.fail(job.id, 1, ERROR)
    assert ledger.finish(job.id, 2, picture())
    assert ledger.get(job.id).output == picture()


def test_the_first_commit_wins(ledger, job):
    ledger.claim(job.id, 15)
    assert ledger.finish(job.id, 1, picture(seed=1))
    assert not ledger.finish(job.id, 1, picture(seed=2))
    assert ledger.get(job.id).output.seed == 1


def test_cancelling_ends_a_waiting_job_at_once(ledger, job):
    assert ledger.cancel(job.id).status is JobStatus.CANCELLED
    assert ledger.claim(job.id, 15) is None


def test_cancelling_a_running_job_reaches_its_heartbeat(ledger, job):
    ledger.claim(job.id, 15)
    assert ledger.cancel(job.id).status is JobStatus.RUNNING
    assert ledger.renew(job.id, 1, 15) is Hold.CANCEL


def test_cancelling_a_finished_job_leaves_it_as_it_is(ledger, job):
    ledger.claim(job.id, 15)
    ledger.finish(job.id, 1, picture())
    assert ledger.cancel(job.id).status is JobStatus.DONE


def test_a_job_past_its_deadline_is_not_claimed(ledger):
    late = new_job(GenerateImage(prompt="a cat", seed=7), owner="local", seconds=-1)
    ledger.submit(late)
    assert ledger.claim(late.id, 15) is None


def test_only_what_nobody_holds_is_listed_and_can_be_ended(ledger, job):
    assert [listed.id for listed, _, _ in ledger.list_unheld()] == [job.id]
    ledger.claim(job.id, 15)
    assert ledger.list_unheld() == []
    assert not ledger.end_open(job.id, ERROR)
    expire(ledger, job.id, 1)
    assert ledger.end_open(job.id, ERROR)
    assert ledger.get(job.id).error == ERROR


def test_wake_ups_are_counted(ledger, job):
    before = time.time()
    ledger.mark_sent(job.id)
    ledger.mark_sent(job.id)
    [(_, sent_at, sends)] = ledger.list_unheld()
    assert sends == 2
    assert sent_at >= before
