"""A response whose orchestrator died is gone on with by another: from any moment on, to the same end, nothing twice."""

import asyncio

import pytest

from orchestrator.api import responses_resume
from orchestrator.api.responses_resume import resume, resume_forever
from orchestrator.records.responses import responses
from orchestrator.vlm.client import VlmText
from shared.errors import NotFound
from tests.orchestrator.dying import (
    BODIES,
    GIVEN,
    LETTERED,
    LINK,
    MIXED,
    PICTURE,
    TEXT,
    WISH,
    WITHIN_S,
    Speaking,
    begin,
    dying_before_each_write,
    go_on,
    replayed,
    take_jobs,
)

PAINTED = (PICTURE, MIXED, GIVEN, LETTERED)


def check_whole(events, kind, taken):
    """Everything that was wanted is there, once."""
    output = events[-1]["response"]["output"]
    done = [event["item"]["id"] for event in events if event["type"] == "response.output_item.done"]
    assert sorted(done) == sorted(item["id"] for item in output)
    pictures = [item for item in output if item["type"] == "image_generation_call"]
    assert len(pictures) == (kind in PAINTED)
    if kind == LETTERED:
        assert (pictures[0]["diptych"]["lettering"]["text"], pictures[0]["diptych"]["model"]) == ("OPEN", "quick")
    assert len([item for item in output if item["type"] == "function_call"]) == (kind == MIXED)
    deltas = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    texts = "".join(item["content"][0]["text"] for item in output if item["type"] == "message")
    assert deltas == texts
    assert deltas.count("/v1/artifacts/") == (kind == LINK)
    assert ("Here it is." in deltas) == (kind not in (TEXT, GIVEN, LETTERED))
    kinds = [event["type"] for event in events]
    assert kinds.count("response.image_generation_call.completed") == (kind in PAINTED)
    assert [attempt for _, attempt in taken] == {TEXT: [], LETTERED: [1, 1]}.get(kind, [1])


@pytest.mark.parametrize("kind", [TEXT, LINK, PICTURE, MIXED, GIVEN, LETTERED])
async def test_from_any_moment_on_the_response_comes_to_its_end_with_nothing_lost_or_twice(house_of, engine, kind):
    deaths = 0
    async for events in dying_before_each_write(house_of, BODIES[kind]):
        check_whole(events, kind, take_jobs(engine))
        deaths += 1
    assert deaths >= 4


async def test_a_text_that_broke_off_is_closed_as_incomplete_and_remembered_but_not_shown_to_the_vlm(house_of):
    async with house_of(3) as client:
        response_id = await begin(client, BODIES[TEXT])
        run = await go_on(client.house)
        output = (await replayed(client, response_id))[-1]["response"]["output"]
    assert [(item["status"], item["content"][0]["text"]) for item in output] == [
        ("incomplete", "I will "),
        ("completed", "I will say: "),
    ]
    assert [item.text for item in run.record.items] == ["hello", "I will", "I will say: "]


async def test_what_nobody_goes_on_with_is_found_and_gone_on_with(house_of):
    async with house_of(2) as client:
        response_id = await begin(client, BODIES[LINK])
        resuming = asyncio.create_task(resume_forever(client.house))
        events = await asyncio.wait_for(replayed(client, response_id), WITHIN_S)
        resuming.cancel()
    assert events[-1]["type"] == "response.completed"


async def test_a_response_that_is_stopped_while_nobody_runs_it_ends_as_cancelled(house_of, monkeypatch):
    monkeypatch.setattr(responses_resume, "EVERY_S", 0.05)
    async with house_of(8) as client:
        response_id = await begin(client, BODIES[PICTURE])
        cancelling = asyncio.create_task(client.post(f"/v1/responses/{response_id}/cancel"))
        renew = client.house.running.renew
        while not renew([(response_id, 1)], -1)[response_id, 1]:  # noqa: ASYNC110 - it is in the records only
            await asyncio.sleep(0.01)
        resuming = asyncio.create_task(resume_forever(client.house))
        cancelled = await asyncio.wait_for(cancelling, WITHIN_S)
        resuming.cancel()
    assert cancelled.json()["status"] == "cancelled"
    assert [item["status"] for item in cancelled.json()["output"]] == ["completed", "failed"]


async def test_one_that_cannot_be_gone_on_with_is_given_up(house_of, engine, monkeypatch):
    monkeypatch.setattr(responses_resume, "MOST_STALLED", 2)
    async with house_of(2) as client:
        response_id = await begin(client, BODIES[TEXT])
        with engine.begin() as connection:
            connection.execute(responses.update().values(begun={"request": {"tools": "?"}, "painting": {}}))
        for _ in range(2):
            assert client.house.running.take_silent(-1) is not None
        resuming = asyncio.create_task(resume_forever(client.house))
        events = await asyncio.wait_for(replayed(client, response_id), WITHIN_S)
        resuming.cancel()
        found = (await client.get(f"/v1/responses/{response_id}")).json()
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (found["status"], "again and again" in found["error"]["message"]) == ("failed", True)


async def test_who_was_taken_over_from_sends_nothing_more(make_services, client_for):
    gate = asyncio.Event()

    class Gated(Speaking):
        async def answer(self, messages, offer, sampling):
            yield VlmText(text="First. ")
            await gate.wait()
            yield VlmText(text="Second.")

    services = make_services(Gated())
    async with client_for(services=services) as client:
        asking = asyncio.create_task(client.post("/v1/responses", json=WISH))
        async with asyncio.timeout(WITHIN_S):
            while not services.runs._runs or len(services.runs._runs) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            (run,) = services.runs._runs.values()
            while not any(event["type"].endswith("delta") for event in run.events._entries):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        services.running.renew([run.recording.attempt], -1)
        assert services.running.take_silent(60).attempt.number == 2
        gate.set()
        answer = await asyncio.wait_for(asking, WITHIN_S)
    assert "Second" not in answer.text
    assert "[DONE]" not in answer.text


async def test_a_stopping_process_hands_its_responses_back_at_once(make_services, client_for):
    class Slow(Speaking):
        async def answer(self, messages, offer, sampling):
            yield VlmText(text="First. ")
            await asyncio.Event().wait()

    services = make_services(Slow())
    async with client_for(services=services) as client:
        begun = await client.post("/v1/responses", json=WISH | {"stream": False, "background": True})
    assert services.running.take_silent(60).attempt == (begun.json()["id"], 2)


async def test_a_response_that_was_deleted_is_not_gone_on_with(house_of):
    async with house_of(2) as client:
        response_id = await begin(client, BODIES[TEXT])
        taken = client.house.running.take_silent(60)
        client.house.responses.delete(response_id, "local")
        with pytest.raises(NotFound):
            await resume(taken, client.house)
