"""What is told of queues: places, waits, and how long things take."""

import pytest

from orchestrator.records.leadership import Leadership
from orchestrator.records.queues import QueueRecords
from shared.jobs import JobStatus, Queue
from shared.text_jobs import TextRead

READ = TextRead(lines=(), width=1, height=1, engine="e", seconds=0)


@pytest.fixture
def queues(engine):
    return QueueRecords(engine)


def take(ledger):
    return ledger.claim(Queue.DIFFUSION, "w", 15)


def test_places_follow_the_order_in_which_jobs_are_taken(queues, ledger, submit):
    ids = [submit("many") for _ in range(5)]
    running = take(ledger).id
    ids.append(submit("few"))
    places = {job_id: standing.place for job_id, standing in queues.standings(ids).items()}
    assert places.pop(running) is None
    for place in range(1, 6):
        assert places[take(ledger).id] == place


def test_a_jobs_standing_says_what_became_of_it(queues, ledger, submit):
    job_id = submit()
    ledger.cancel(job_id)
    assert queues.standings([job_id, "job_none"])[job_id].status is JobStatus.CANCELLED


def test_the_state_of_a_queue(queues, ledger, submit):
    state = queues.state(Queue.DIFFUSION)
    assert (state.waiting, state.running, state.oldest_s, state.run_s) == (0, 0, None, None)
    for _ in range(3):
        submit()
    job = take(ledger)
    state = queues.state(Queue.DIFFUSION)
    assert (state.waiting, state.running) == (2, 1)
    assert 0 <= state.oldest_s < 60
    ledger.finish(job.id, 1, READ)
    assert 0 <= queues.run_s(Queue.DIFFUSION) < 60
    assert queues.run_s(Queue.OCR) is None


def test_only_jobs_that_wait_for_long_enough_may_have_lost_their_wake_up(queues, submit):
    ids = [submit() for _ in range(3)]
    assert queues.waiting_ids(Queue.DIFFUSION, since_s=0, limit=2) == ids[:2]
    assert queues.waiting_ids(Queue.DIFFUSION, since_s=60, limit=2) == []


def test_a_duty_is_one_process_s_until_it_falls_silent_or_gives_it_up(engine, ledger):
    first, second = Leadership(engine, "d", "first"), Leadership(engine, "d", "second")
    assert first.take(60)
    assert first.take(60)
    assert not second.take(60)
    assert first.take(-1)
    assert second.take(60)
    assert not first.take(60)
    second.give_up()
    assert first.take(60)
