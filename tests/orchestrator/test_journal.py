"""Events of many responses are recorded together before they are sent, and only those of whoever holds the response."""

import asyncio
import time

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator import journal as module
from orchestrator.journal import Fenced, Journal
from orchestrator.records.responses import ResponseRecord
from orchestrator.records.running import Attempt, RunningRecords


class Counting(RunningRecords):
    """Counts its transactions, and fails at the first ones if it is told to."""

    def __init__(self, engine, failures=0):
        super().__init__(engine, engine)
        self.batches, self.failures = [], failures

    def append(self, sent):
        self.batches.append(len(sent))
        if self.failures:
            self.failures -= 1
            raise OperationalError("INSERT", {}, Exception("disk full"))
        return super().append(sent)


@pytest.fixture
def begin(response_records):
    def begin(number):
        body = {"id": f"resp_{number}", "output": []}
        record = ResponseRecord(id=body["id"], owner="me", created_at=time.time(), body=body, input=())
        response_records.add(record, [], 60)
        return Attempt(record.id, 1)

    return begin


def event(number):
    return {"type": "x", "sequence_number": number}


async def test_what_waits_is_recorded_together(engine, begin, response_records):
    attempts = [begin(number) for number in range(20)]
    records = Counting(engine)
    journal = Journal(records)
    await asyncio.gather(*(journal.append(attempt, [event(0), event(1)]) for attempt in attempts))
    assert sum(records.batches) == 20
    assert len(records.batches) <= 2
    assert len(response_records.events_after("resp_7", -1)) == 2


async def test_who_holds_a_response_no_more_is_told_and_the_others_are_not_harmed(engine, begin, response_records):
    journal = Journal(RunningRecords(engine, engine))
    mine, theirs = begin(1), Attempt(begin(2).response_id, 7)
    done = await asyncio.gather(
        journal.append(mine, [event(0)]), journal.append(theirs, [event(0)]), return_exceptions=True
    )
    assert done[0] is None
    assert isinstance(done[1], Fenced)
    assert response_records.events_after("resp_2", -1) == []


async def test_what_cannot_be_recorded_yet_waits(engine, begin, monkeypatch):
    monkeypatch.setattr(module, "AGAIN_S", 0)
    records = Counting(engine, failures=3)
    await Journal(records).append(begin(1), [event(0)])
    assert len(records.batches) == 4


async def test_one_response_that_lost_count_does_not_harm_the_others(engine, begin):
    journal = Journal(RunningRecords(engine, engine))
    lost, sound = begin(1), begin(2)
    await journal.append(lost, [event(0)])
    done = await asyncio.gather(
        journal.append(lost, [event(0)]), journal.append(sound, [event(0)]), return_exceptions=True
    )
    assert isinstance(done[0], Fenced)
    assert done[1] is None
