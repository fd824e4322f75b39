"""Who may run beside whom in a worker process."""

import threading
from contextlib import ExitStack

from shared.jobs import GenerateImage, new_job
from workers.door import Door

JOB = new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=30)
ALONE = JOB.model_copy(update={"alone": True})
WITHIN_S = 5


def entered_from_a_thread(door, claim, must_be_alone=lambda: False):
    """An event that is set when a job came in, and one that lets it out."""
    inside, out = threading.Event(), threading.Event()

    def go():
        with door.enter(claim, must_be_alone):
            inside.set()
            out.wait(WITHIN_S)

    threading.Thread(target=go, daemon=True).start()
    return inside, out


def test_several_jobs_run_side_by_side_and_each_knows_whether_it_is_the_first():
    door, told = Door(), []

    def claim(alone):
        told.append(alone)
        return JOB

    with ExitStack() as stack:
        for _ in range(3):
            assert stack.enter_context(door.enter(claim, lambda: False)) is JOB
    assert told == [True, False, False]


def test_nothing_comes_in_beside_a_job_that_must_run_alone():
    door = Door()
    with door.enter(lambda _: ALONE, lambda: False):
        inside, out = entered_from_a_thread(door, lambda _: JOB)
        assert not inside.wait(0.1)
    assert inside.wait(WITHIN_S)
    out.set()


def test_a_job_that_must_run_alone_waits_until_the_others_are_out_and_shuts_the_door():
    door = Door()
    first, let_first_out = entered_from_a_thread(door, lambda _: JOB)
    assert first.wait(WITHIN_S)
    lone, let_lone_out = entered_from_a_thread(door, lambda alone: ALONE if alone else None, lambda: True)
    assert not lone.wait(0.1)
    late, let_late_out = entered_from_a_thread(door, lambda _: JOB)
    assert not late.wait(0.1)
    let_first_out.set()
    assert lone.wait(WITHIN_S)
    assert not late.wait(0.1)
    let_lone_out.set()
    assert late.wait(WITHIN_S)
    let_late_out.set()


def test_where_no_job_waits_the_door_stays_open():
    door = Door()
    for _ in range(2):
        with door.enter(lambda _: None, lambda: False) as job:
            assert job is None
