"""The record of responses: whose they are, who keeps them alive, and what stays when they end or are deleted."""

import time

import pytest

from orchestrator.items import Message, TextPart
from orchestrator.records.responses import ResponseRecord
from shared.errors import NotFound

ID = f"resp_{1:048x}"
SAID = Message(role="user", parts=(TextPart(text="hello"),))
ASKED = {"id": "msg_1", "type": "message"}
GIVEN = {"id": "msg_2", "type": "message"}


def event(number, **fields):
    return {"type": "x", "sequence_number": number} | fields


@pytest.fixture
def record(response_records):
    """One that runs, in the records."""
    now = time.time()
    body = {"id": ID, "status": "in_progress", "output": []}
    record = ResponseRecord(id=ID, owner="me", created_at=now, alive_until=now + 15, body=body, input=(ASKED,))
    response_records.add(record, [ASKED])
    return record


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


def test_its_end_is_committed_with_its_last_events_and_items(response_records, record):
    assert not response_records.keep_alive(ID, 15, [event(0), event(1)])
    response_records.finish(ended(record), [event(2)])
    found = response_records.get(ID, "me")
    assert (found.running, found.body["status"], found.items) == (False, "completed", (SAID,))
    assert [stored["sequence_number"] for stored in response_records.events_after(ID, 0)] == [1, 2]
    assert response_records.item("msg_2", "me") == GIVEN


def test_whoever_runs_it_learns_that_it_shall_stop(response_records, record):
    assert not response_records.keep_alive(ID, 15, [])
    response_records.request_cancel(ID)
    assert response_records.keep_alive(ID, 15, [])


def test_what_was_deleted_leaves_nothing_and_stays_deleted(response_records, record):
    response_records.keep_alive(ID, 15, [event(0)])
    response_records.delete(ID, "me")
    assert response_records.keep_alive(ID, 15, [event(1)])
    response_records.finish(ended(record), [event(2)])
    assert response_records.events_after(ID, -1) == []
    for gone in (lambda: response_records.get(ID, "me"), lambda: response_records.item("msg_2", "me")):
        with pytest.raises(NotFound):
            gone()


def test_only_one_that_has_fallen_silent_is_buried_and_its_end_stands(response_records, record):
    failed = record.body | {"status": "failed"}
    response_records.bury(record, event(9, response=failed))
    assert response_records.get(ID, "me").running
    response_records.keep_alive(ID, -1, [])
    assert response_records.get(ID, "me").cut_off
    response_records.bury(record, event(9, response=failed))
    response_records.finish(ended(record), [event(10)])
    assert response_records.get(ID, "me").body["status"] == "failed"
    assert [stored["sequence_number"] for stored in response_records.events_after(ID, -1)] == [9]
