"""The record of responses: whose they are, who keeps them alive, and what stays when they end or are deleted."""

import time

import pytest

from orchestrator.items import Message, TextPart
from orchestrator.records.responses import Begun, ResponseRecord
from orchestrator.records.running import Attempt, RunningRecords, Sent
from shared.errors import NotFound

ID = f"resp_{1:048x}"
FIRST = Attempt(ID, 1)
SAID = Message(role="user", parts=(TextPart(text="hello"),))
ASKED = {"id": "msg_1", "type": "message"}
GIVEN = {"id": "msg_2", "type": "message"}


def event(number, **fields):
    return {"type": "x", "sequence_number": number} | fields


@pytest.fixture
def record(response_records):
    """One that runs, in the records."""
    body = {"id": ID, "status": "in_progress", "output": []}
    begun = Begun(request={"model": "m"}, painting={})
    record = ResponseRecord(id=ID, owner="me", created_at=time.time(), body=body, input=(ASKED,), begun=begun)
    response_records.add(record, [ASKED], 60)
    return record


@pytest.fixture
def running(engine):
    return RunningRecords(engine, engine)


def ended(record):
    body = record.body | {"status": "completed", "output": [GIVEN]}
    return record.model_copy(update={"running": False, "body": body, "items": (SAID,)})


def test_a_response_is_its_owners_only(response_records, record):
    assert response_records.get(ID, "me") == record
    for response_id, owner in ((ID, "you"), ("resp_none", "me")):
        with pytest.raises(NotFound):
            response_records.get(response_id, owner)
    with pytest.raises(NotFound):
        response_records.item("msg_1", "you")


def test_its_end_is_committed_with_its_last_events_and_items(response_records, running, record):
    assert running.append([Sent(FIRST, [event(0), event(1)])]) == {FIRST}
    assert response_records.finish(ended(record), 1, [event(2)])
    found = response_records.get(ID, "me")
    assert (found.running, found.body["status"], found.items, found.begun) == (False, "completed", (SAID,), None)
    assert [stored["sequence_number"] for stored in response_records.events_after(ID, 0)] == [1, 2]
    assert response_records.item("msg_2", "me") == GIVEN
    assert running.take_silent(60) is None


def test_whoever_runs_it_learns_that_it_shall_stop(running, record):
    assert running.renew([FIRST], 15) == {FIRST: False}
    running.request_cancel(ID)
    assert running.renew([FIRST], 15) == {FIRST: True}


def test_what_was_deleted_leaves_nothing_and_stays_deleted(response_records, running, record):
    running.append([Sent(FIRST, [event(0)])])
    response_records.delete(ID, "me")
    assert running.renew([FIRST], 15) == {}
    assert running.append([Sent(FIRST, [event(1)])]) == set()
    assert not response_records.finish(ended(record), 1, [event(2)])
    assert response_records.events_after(ID, -1) == []
    for gone in (lambda: response_records.get(ID, "me"), lambda: response_records.item("msg_2", "me")):
        with pytest.raises(NotFound):
            gone()


def test_only_one_that_has_fallen_silent_is_taken_over_and_whoever_had_it_can_write_no_more(
    response_records, running, record
):
    assert running.take_silent(60) is None
    running.renew([FIRST], -1)
    taken = running.take_silent(60)
    assert (taken.attempt, taken.owner, taken.cancel_requested, taken.stalled) == (Attempt(ID, 2), "me", False, 1)
    assert running.take_silent(60) is None
    assert running.append([Sent(FIRST, [event(0)]), Sent(taken.attempt, [event(0)])]) == {taken.attempt}
    assert not running.checkpoint(FIRST, record.begun, (SAID,), [event(1)])
    assert not response_records.finish(ended(record), 1, [event(1)])
    assert [stored["sequence_number"] for stored in response_records.events_after(ID, -1)] == [0]
    assert response_records.finish(ended(record), 2, [event(1)])


def test_a_step_is_committed_with_the_events_up_to_there(response_records, running, record):
    begun = record.begun.model_copy(update={"progress": {"step": 1}, "written": 4})
    assert running.checkpoint(FIRST, begun, (SAID,), [event(0)])
    found = response_records.get(ID, "me")
    assert (found.begun, found.items) == (begun, (SAID,))
    assert len(response_records.events_after(ID, -1)) == 1


def test_one_that_comes_no_further_is_counted_and_one_that_is_handed_back_is_not(running, record):
    for stalled in (1, 2):
        running.renew([Attempt(ID, stalled)], -1)
        assert running.take_silent(-1).stalled == stalled
    running.checkpoint(Attempt(ID, 3), record.begun, (), [])
    assert running.take_silent(60).stalled == 1
    running.release(Attempt(ID, 4))
    assert running.take_silent(60).stalled == 1
