"""The ledger's promises, in both databases: a fair order, one holder at a time, the newest attempt wins."""

import threading

import pytest

from orchestrator.records.queues import QueueRecords
from shared.errors import ErrorRecord, NotFound, Overloaded
from shared.jobs import GeneratedImage, GenerateImage, JobStatus, Queue, new_job
from shared.ledger import UNBOUNDED
from shared.text_jobs import ReadText

ERROR = ErrorRecord(code="broken", message="It broke.")
PAINT = GenerateImage(prompt="a cat", seed=7)


@pytest.fixture
def engine(each_engine):
    return each_engine


@pytest.fixture
def submit(ledger):
    """A function that puts a job into a queue."""

    def submit(owner="local", work=PAINT, seconds=60, bound=UNBOUNDED, **own):
        job = new_job(work, owner=owner, seconds=seconds, **own)
        ledger.submit(job, bound)
        return job

    return submit


@pytest.fixture
def job(submit):
    return submit()


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


def claim(ledger, *, alone=True, lease_s=15, holder="w"):
    return ledger.claim(Queue.DIFFUSION, holder, lease_s, alone=alone)


def lose(ledger, engine, *, max_crashes=3):
    """The worker that holds what is running fell silent long ago."""
    ledger.renew("w", -1)
    return QueueRecords(engine).requeue_lost(ERROR, max_crashes)


def owners_in_order(ledger):
    taken = []
    while (job := claim(ledger)) is not None:
        taken.append(job.owner)
    return taken


def test_a_submitted_job_comes_back_as_it_was(ledger, job):
    assert ledger.get(job.id) == job


def test_an_unknown_job_is_not_found(ledger):
    with pytest.raises(NotFound):
        ledger.get("job_none")


def test_a_job_is_submitted_once_and_its_events_go_to_whoever_asked_last(ledger, submit):
    job = submit(job_id="job_1")
    again = new_job(GenerateImage(prompt="a dog", seed=1), owner="local", seconds=60, job_id="job_1")
    assert not ledger.submit(again.model_copy(update={"reply_to": "there"}), bound=1)
    assert ledger.get("job_1") == job.model_copy(update={"reply_to": "there"})


def test_of_many_claimers_exactly_one_gets_a_job(ledger, job):
    claims = []
    threads = [threading.Thread(target=lambda: claims.append(claim(ledger))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.id for one in claims if one is not None] == [job.id]


def test_many_jobs_are_claimed_by_many_without_one_being_given_twice(ledger, submit):
    wanted = {submit().id for _ in range(40)}
    taken = []

    def take():
        while (job := claim(ledger)) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), set(taken)) == (40, wanted)


def test_each_queue_has_its_own_jobs(ledger, submit):
    read = submit(work=ReadText(artifact=f"{'a' * 64}.png"))
    assert claim(ledger) is None
    assert ledger.claim(Queue.OCR, "w", 15).id == read.id


def test_a_keys_first_job_does_not_wait_for_another_keys_hundred(ledger, submit):
    for _ in range(6):
        submit("many")
    assert claim(ledger).owner == "many"
    submit("few")
    submit("few")
    submit("one")
    assert owners_in_order(ledger)[:4] == ["few", "one", "many", "few"]


def test_a_key_that_comes_back_saved_nothing_up_while_it_was_away(ledger, submit):
    for _ in range(4):
        submit("steady")
        submit("other")
    assert [claim(ledger).owner for _ in range(4)] == ["steady", "other", "steady", "other"]
    for _ in range(3):
        submit("back")
    assert owners_in_order(ledger) == ["back", "steady", "other", "back", "steady", "other", "back"]


def test_a_full_queue_refuses_its_own_key_only(ledger, submit):
    for _ in range(3):
        submit("many", bound=3)
    with pytest.raises(Overloaded, match="3 of your jobs for the diffusion worker"):
        submit("many", bound=3)
    submit("few", bound=3)
    claim(ledger)
    submit("many", bound=3)


def test_a_stale_attempt_changes_nothing(ledger, job, engine):
    claim(ledger)
    assert lose(ledger, engine) == [job.id]
    assert ledger.held("w") == {}
    claim(ledger, holder="x")
    assert not ledger.finish(job.id, 1, picture())
    assert not ledger.fail(job.id, 1, ERROR)
    assert not ledger.hand_back(job.id, 1)
    assert ledger.finish(job.id, 2, picture())
    assert ledger.get(job.id).output == picture()


def test_the_first_commit_wins(ledger, job):
    claim(ledger)
    assert ledger.finish(job.id, 1, picture(seed=1))
    assert not ledger.finish(job.id, 1, picture(seed=2))
    assert ledger.get(job.id).output.seed == 1


def test_a_job_that_was_handed_back_waits_without_blame(ledger, job):
    claim(ledger)
    assert ledger.hand_back(job.id, 1)
    again = claim(ledger)
    assert (again.attempt, again.crashes, again.crashes_alone, again.alone) == (2, 0, 0, False)


def test_a_job_whose_worker_died_is_tried_again_alone_and_nobody_passes_it(ledger, submit, engine):
    first, second = submit("a"), submit("b")
    claim(ledger)
    lose(ledger, engine)
    assert ledger.must_run_alone(Queue.DIFFUSION)
    assert claim(ledger, alone=False) is None
    again = claim(ledger)
    assert (again.id, again.attempt, again.crashes, again.crashes_alone, again.alone) == (first.id, 2, 1, 0, True)
    assert claim(ledger, alone=False).id == second.id


def test_only_crashes_alone_count_against_a_job_and_end_it(ledger, job, engine):
    for crashes in range(3):
        claim(ledger)
        assert lose(ledger, engine) == [job.id]
        assert ledger.get(job.id).crashes_alone == crashes
    claim(ledger)
    assert lose(ledger, engine) == []
    ended = ledger.get(job.id)
    assert (ended.status, ended.error, ended.crashes, ended.crashes_alone) == (JobStatus.FAILED, ERROR, 1, 3)


def test_cancelling_ends_a_waiting_job_at_once(ledger, job):
    assert ledger.cancel(job.id).status is JobStatus.CANCELLED
    assert claim(ledger) is None


def test_cancelling_a_running_job_reaches_its_holder(ledger, job):
    claim(ledger)
    assert ledger.cancel(job.id).status is JobStatus.RUNNING
    assert ledger.held("w")[job.id].cancel_requested
    assert ledger.renew("w", 15)[job.id].cancel_requested


def test_a_cancelled_job_whose_worker_died_is_not_tried_again(ledger, job, engine):
    claim(ledger)
    ledger.cancel(job.id)
    assert lose(ledger, engine) == []
    assert ledger.get(job.id).status is JobStatus.CANCELLED


def test_cancelling_a_finished_job_leaves_it_as_it_is(ledger, job):
    claim(ledger)
    ledger.finish(job.id, 1, picture())
    assert ledger.cancel(job.id).status is JobStatus.DONE


def test_a_job_past_its_deadline_is_not_claimed_and_ends(ledger, submit, engine):
    late = submit(seconds=-1)
    assert claim(ledger) is None
    QueueRecords(engine).end_late(ERROR)
    assert ledger.get(late.id).error == ERROR


def test_only_what_nobody_holds_can_be_ended_from_outside(ledger, job):
    claim(ledger)
    assert not ledger.end_open(job.id, ERROR)
    ledger.renew("w", -1)
    assert ledger.end_open(job.id, ERROR)
    assert ledger.get(job.id).error == ERROR
