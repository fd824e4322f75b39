"""The record of conversations: one adds at a time, whoever asks and from wherever; in SQLite and PostgreSQL alike."""

import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from orchestrator.forgetting import Remembered
from orchestrator.items import Message, TextPart
from orchestrator.records.conversation_items import Addition, ConversationItemRecords, conclude
from orchestrator.records.conversations import ConversationRecords, Seen, hold
from orchestrator.records.responses import ResponseRecord, ResponseRecords
from orchestrator.records.running import RunningRecords
from shared.database import open_engine
from shared.errors import Conflict, NotFound

PROCESSES = 4


def addition(*texts):
    return Addition(
        listed=tuple(
            {"id": f"msg_{text}", "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
            for text in texts
        ),
        remembered=tuple(
            Remembered(item_id=f"msg_{text}", item=Message(role="user", parts=(TextPart(text=text),))) for text in texts
        ),
    )


def response(response_id):
    body = {"id": response_id, "output": []}
    return ResponseRecord(id=response_id, owner="me", created_at=time.time(), body=body, input=())


@pytest.fixture
def conversation(conversation_item_records):
    seen = Seen(id="conv_1", owner="me", version=0)
    conversation_item_records.create(seen, {}, addition("first"))
    return seen


def texts(records, **changes):
    options = {"limit": 100, "newest_first": False, "after": None} | changes
    return [body["content"][0]["text"] for body in records.page("conv_1", **options)[0]]


def begin(url, start, response_id):
    """In a process of its own: whether this response could take the conversation."""
    engine = open_engine(url)
    records = ResponseRecords(engine)
    seen = ConversationRecords(engine).get("conv_1", "me")
    start.wait(30)
    try:
        records.add(response(response_id), [], 60, partial(hold, seen=seen, response_id=response_id))
    except Conflict:
        return False
    finally:
        engine.dispose()
    return True


def test_of_many_processes_exactly_one_takes_a_conversation(engine, conversation, conversation_records):
    url = engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(PROCESSES) as pool:
        for turn in range(5):
            start = manager.Barrier(PROCESSES)
            names = [f"resp_{turn}_{number}" for number in range(PROCESSES)]
            took = pool.starmap(begin, [(url, start, name) for name in names], 1)
            assert sum(took) == 1
            record = response(names[took.index(True)])
            seen = conversation_records.get("conv_1", "me")
            ended = partial(conclude, seen=seen, response_id=record.id, addition=addition(f"turn{turn}"))
            assert ResponseRecords(engine).finish(record, 1, [], ended)
    assert texts(ConversationItemRecords(engine)) == ["first", *(f"turn{turn}" for turn in range(5))]


def test_many_who_add_at_once_add_whole_or_not_at_all(conversation, conversation_records, conversation_item_records):
    def add(number):
        while True:
            try:
                seen = conversation_records.get("conv_1", "me")
                return conversation_item_records.add(seen, addition(f"{number}a", f"{number}b"))
            except Conflict:
                continue

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    found = texts(conversation_item_records)[1:]
    assert sorted(found) == sorted(f"{number}{part}" for number in range(12) for part in "ab")
    assert all(first[:-1] == second[:-1] for first, second in zip(found[::2], found[1::2], strict=True))


def test_a_conversation_stays_a_response_s_until_it_has_ended(
    engine, conversation, response_records, conversation_records, conversation_item_records
):
    silent, other = response("resp_silent"), response("resp_other")
    response_records.add(silent, [], -1, partial(hold, seen=conversation, response_id=silent.id))
    seen = conversation_records.get("conv_1", "me")
    with pytest.raises(Conflict):
        response_records.add(other, [], 60, partial(hold, seen=seen, response_id=other.id))
    taken = RunningRecords(engine, engine).take_silent(60)
    ending = partial(conclude, seen=seen, response_id=silent.id, addition=addition("told"))
    assert not response_records.finish(silent, 1, [], ending)
    assert response_records.finish(silent, taken.attempt.number, [], ending)
    assert texts(conversation_item_records) == ["first", "told"]
    response_records.add(
        other, [], 60, partial(hold, seen=conversation_records.get("conv_1", "me"), response_id=other.id)
    )


def test_a_response_that_may_not_begin_leaves_no_record(conversation, response_records, conversation_records):
    stale = Seen(id="conv_1", owner="me", version=7)
    with pytest.raises(Conflict) as raised:
        response_records.add(response("resp_1"), [], 60, partial(hold, seen=stale, response_id="resp_1"))
    assert raised.value.code == "conversation_locked"
    with pytest.raises(NotFound):
        response_records.get("resp_1", "me")
    conversation_records.delete("conv_1", "me")
    with pytest.raises(NotFound):
        response_records.add(response("resp_1"), [], 60, partial(hold, seen=conversation, response_id="resp_1"))


def test_a_search_ignores_case_of_every_alphabet_and_takes_no_character_for_another(
    conversation, conversation_records, conversation_item_records
):
    content = [{"type": "input_text", "text": "ПРИВЕТ, Ärger! 50%_\\/ \0"}]
    listed = ({"id": "msg_1", "type": "message", "role": "user", "content": content},)
    conversation_item_records.add(conversation, Addition(listed=listed))
    search = partial(conversation_records.page, "me", limit=1, newest_first=True, after=None)
    for query in ("привет", "ärger", "0%_", "\\/", "%", "_"):
        assert [found.id for found in search(query=query)[0]] == ["conv_1"]
    for query in ("5_%", "привет%ärger", "*", "x"):
        assert search(query=query) == ([], False)


def test_a_removed_item_is_gone_and_its_neighbours_stay(conversation, conversation_records, conversation_item_records):
    conversation_item_records.add(conversation, addition("second", "third"))
    conversation_item_records.remove(conversation_records.get("conv_1", "me"), "msg_second")
    assert texts(conversation_item_records) == ["first", "third"]
    assert [item.text for item in conversation_item_records.remembered("conv_1")] == ["first", "third"]
    assert texts(conversation_item_records, after="msg_third", newest_first=True) == ["first"]
    with pytest.raises(NotFound):
        conversation_item_records.remove(conversation_records.get("conv_1", "me"), "msg_second")
