"""Responses that are kept: fetched, continued, followed again, run in the background, stopped, forgotten."""

import asyncio
import itertools
import json
import random
import threading
import time

import httpx2
import openai
import pytest

from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from shared.events import JobProgress
from shared.jobs import JobStatus
from tests.conftest import ListSink, data_url, png
from workers.job_run import JobRunner

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
PAINT = {"type": "image_generation"}
ENDED = ("completed", "failed", "incomplete", "cancelled")


class GatedVlm(ScriptedVlm):
    """Says a first word, then waits until it may go on."""

    def __init__(self):
        super().__init__([])
        self.gate = asyncio.Event()

    async def answer(self, messages, offer, sampling):
        yield VlmText(text="First. ")
        await self.gate.wait()
        yield VlmText(text="Second.")


async def create(client, text="hello", **body):
    return await client.responses.create(model="diptych", input=text, **body)


async def replay(client, response_id, after=-1):
    raw = await client.responses.with_raw_response.retrieve(response_id, stream=True, starting_after=after)
    return await raw.http_response.aread()


async def until_ended(client, response_id):
    deadline = time.monotonic() + 5
    while (response := await client.responses.retrieve(response_id)).status not in ENDED:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
    return response


async def test_a_response_can_be_fetched_again_as_it_was_given(sdk_for):
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        first = await create(client, tools=[PAINT], metadata={"a": "b"})
        assert await client.responses.retrieve(first.id) == first


async def test_a_replay_equals_the_live_stream_byte_for_byte_from_any_event_on(sdk_for):
    async with sdk_for([VlmText(text="Wait."), DRAW], [VlmText(text="He"), VlmText(text="re.")]) as client:
        raw = await client.responses.with_raw_response.create(
            model="diptych", input="hello", stream=True, tools=[PAINT], extra_body={"diptych": {}}
        )
        live = await raw.http_response.aread()
        frames = live.split(b"\n\n")
        response_id = json.loads(frames[0].split(b"data: ")[1])["response"]["id"]
        for number in range(-1, len(frames) - 2):
            again = await replay(client, response_id, number)
            assert again == b"\n\n".join(frames[number + 1 :])


async def test_a_stream_that_was_left_goes_on_and_can_be_taken_up_while_it_runs(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        async with await create(client, stream=True) as events:
            async for event in events:
                if event.type == "response.created":
                    response_id = event.response.id
                if event.type == "response.output_text.delta":
                    break
        vlm.gate.set()
        rest = await client.responses.retrieve(response_id, stream=True, starting_after=event.sequence_number)
        texts = [event.delta async for event in rest if event.type == "response.output_text.delta"]
        assert texts == ["Second."]
        assert (await client.responses.retrieve(response_id)).output_text == "First. Second."


async def test_a_background_response_returns_at_once_and_is_fetched_later(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        begun = await create(client, background=True)
        assert begun.status in ("queued", "in_progress")
        assert (await client.responses.retrieve(begun.id)).status == "in_progress"
        vlm.gate.set()
        assert (await until_ended(client, begun.id)).output_text == "First. Second."


async def test_a_background_stream_says_that_it_is_queued(sdk_for):
    async with sdk_for([VlmText(text="Hi.")]) as client:
        events = [event async for event in await create(client, background=True, stream=True)]
    assert [event.type for event in events[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [event.response.status for event in events[:3]] == ["queued", "queued", "in_progress"]


async def test_a_cancelled_response_stops_its_jobs_and_stays_cancelled(sdk_for, ledger):
    stop = threading.Event()

    def forever(job):
        for step in itertools.count():
            stop.wait(0.01)
            yield JobProgress(job_id=job.id, attempt=job.attempt, step=step, total=10_000)

    slow = InProcessDispatcher(
        ledger, lambda job_id, emit: JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, forever)
    )
    async with sdk_for([DRAW], served_by=slow) as client:
        events = await create(client, background=True, stream=True, extra_body={"diptych": {}})
        async for event in events:
            if event.type == "response.created":
                response_id = event.response.id
            if event.type == "diptych:job_queued":
                job_id = event.job_id
            if event.type == "diptych:job_progress":
                break
        for _ in range(2):
            assert (await client.responses.cancel(response_id)).status == "cancelled"
        rest = [event async for event in events]
        assert (rest[-1].type, rest[-1].response.status) == ("response.incomplete", "cancelled")
        deadline = time.monotonic() + 5
        while not (job := ledger.get(job_id)).status.final:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert job.status is JobStatus.CANCELLED


async def test_a_response_is_stopped_from_another_process_too(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        begun = await create(client, background=True)
        client.house.running.request_cancel(begun.id)
        assert (await until_ended(client, begun.id)).status == "cancelled"


async def test_what_was_shown_before_a_cancel_is_part_of_the_conversation(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        events = await create(client, stream=True)
        async for event in events:
            if event.type == "response.output_text.delta":
                break
        (run,) = client.house.runs._runs.values()
        cancelled = await client.responses.cancel(run.record.id)
        assert cancelled.output_text == "First. "
        assert client.house.responses.get(cancelled.id, "local").items[-1].text == "First. "


async def test_a_deleted_response_is_gone_with_its_items(sdk_for):
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        first = await create(client, tools=[PAINT])
        await client.responses.delete(first.id)
        for gone in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
            with pytest.raises(openai.NotFoundError):
                await gone(first.id)
        with pytest.raises(openai.BadRequestError, match="not found"):
            await create(client, previous_response_id=first.id)
        with pytest.raises(openai.NotFoundError):
            await create(client, [{"type": "item_reference", "id": first.output[0].id}])


async def test_somebody_elses_response_is_as_if_it_were_not_there(sdk_for, response_records):
    async with sdk_for([VlmText(text="Mine.")]) as client:
        first = await create(client)
    async with sdk_for([VlmText(text="x")], key="k", api_key="k") as other:
        with pytest.raises(openai.NotFoundError) as raised:
            await other.responses.retrieve(first.id)
        with pytest.raises(openai.NotFoundError) as unknown:
            await other.responses.retrieve("resp_none")
        assert raised.value.body == unknown.value.body
        with pytest.raises(openai.BadRequestError, match="not found"):
            await create(other, previous_response_id=first.id)


async def test_what_is_not_stored_can_be_stopped_but_not_fetched_afterwards(sdk_for, response_records):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        events = await create(client, stream=True, store=False)
        response_id = (await anext(aiter(events))).response.id
        assert (await client.responses.cancel(response_id)).status == "cancelled"
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(response_id)


async def test_input_items_are_listed_by_page_with_those_of_earlier_responses(sdk_for):
    image = {"type": "input_image", "image_url": data_url(png())}
    async with sdk_for([VlmText(text="One.")], [VlmText(text="Two.")]) as client:
        first = await create(client, [{"role": "user", "content": [image, {"type": "input_text", "text": "a"}]}])
        second = await create(client, "b", previous_response_id=first.id)
        items = [item async for item in client.responses.input_items.list(second.id, order="asc", limit=1)]
        texts = [part.text for item in items for part in item.content if hasattr(part, "text")]
        assert texts == ["a", "One.", "b"]
        assert items[1].id == first.output[0].id
        path = items[0].content[0].image_url.partition("/v1")[2]
        assert (await client.get(path, cast_to=httpx2.Response)).content.startswith(b"\x89PNG")
        newest = await client.responses.input_items.list(second.id, limit=1)
        assert (newest.data[0].id, newest.has_more) == (items[-1].id, True)


async def test_an_item_is_used_again_by_its_id(sdk_for):
    async with sdk_for([VlmText(text="One.")], [VlmText(text="Two.")]) as client:
        first = await create(client)
        (asked,) = (await client.responses.input_items.list(first.id)).data
        references = [{"type": "item_reference", "id": item.id} for item in (asked, first.output[0])]
        await create(client, [*references, {"role": "user", "content": "again"}])
        said = [(m["role"], m["content"]) for m in client.house.vlm.asked[1][0][1:]]
    assert said == [("user", "hello"), ("assistant", "One."), ("user", "again")]


async def test_a_stream_cut_anywhere_is_completed_by_resuming(sdk_for):
    """At random bytes: whole frames before the cut, and those that follow, are the replay from the start."""
    answer = [VlmText(text=f"word{number} ") for number in range(30)]
    async with sdk_for(answer) as client:
        raw = await client.responses.with_raw_response.create(model="diptych", input="hello", stream=True)
        whole = await raw.http_response.aread()
        response_id = json.loads(whole.split(b"\n\n")[0].split(b"data: ")[1])["response"]["id"]
        for cut in random.Random(7).sample(range(len(whole)), 200):
            before = whole[: whole[:cut].rfind(b"\n\n") + 2] if b"\n\n" in whole[:cut] else b""
            frames = before.split(b"\n\n")[:-1]
            after = json.loads(frames[-1].split(b"data: ")[1])["sequence_number"] if frames else -1
            assert before + await replay(client, response_id, after) == whole
