"""Responses in a conversation: they go on from its items and add their own, whole or not at all, one at a time."""

import asyncio
import time

import openai
import pytest

from orchestrator.api.responses_resume import resume
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from shared.errors import VlmUnavailable
from tests.conftest import data_url, png
from tests.orchestrator.dying import leave
from tests.orchestrator.test_responses_kept import GatedVlm, until_ended

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
READ = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
CALL = VlmToolCall(call_id="c", name="f", arguments="{}")
IMAGE = {"type": "input_image", "image_url": data_url(png())}
PAINT = {"type": "image_generation"}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}


async def ask(client, conversation, text, **body):
    return await client.responses.create(model="diptych", input=text, conversation=conversation.id, **body)


async def items_of(client, conversation):
    return [item async for item in client.conversations.items.list(conversation.id, order="asc")]


def shown(client, turn):
    """What the VLM was asked: roles, and texts with pictures by their names."""
    return [(message["role"], text_of(message["content"])) for message in client.house.vlm.asked[turn][0][1:]]


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "<picture>") for part in content)


async def test_a_conversation_goes_on_from_what_was_said_in_it(sdk_for):
    async with sdk_for([VlmText(text="One.")], [VlmText(text="Two.")]) as client:
        made = await client.conversations.create(items=[{"role": "user", "content": "first"}])
        one = await ask(client, made, "hello")
        assert one.conversation.id == made.id
        two = await client.responses.create(model="diptych", input="again", conversation={"id": made.id})
        assert shown(client, 1) == [("user", "first"), ("user", "hello"), ("assistant", "One."), ("user", "again")]
        items = await items_of(client, made)
        assert [item.content[0].text for item in items] == ["first", "hello", "One.", "again", "Two."]
        assert (items[2].id, items[4].id) == (one.output[0].id, two.output[0].id)
        asked = [item.id async for item in client.responses.input_items.list(two.id, order="asc")]
        assert asked == [item.id for item in items[:4]]


async def test_pictures_keep_their_names_and_are_seen_in_the_next_turn(sdk_for):
    answers = [DRAW], [VlmText(text="Here.")], [VlmText(text="A cat.")], [DRAW], [VlmText(text="So.")]
    async with sdk_for(*answers) as client:
        made = await client.conversations.create(items=[{"role": "user", "content": [IMAGE]}])
        await ask(client, made, "draw", tools=[PAINT])
        await ask(client, made, "what do you see?")
        assert shown(client, 2)[-1] == ("user", "image_2: <picture>what do you see?")
        await ask(client, made, "draw", tools=[PAINT])
        assert [item.type for item in await items_of(client, made)] == [
            "message",
            "message",
            "image_generation_call",
            "message",
            "message",
            "message",
            "message",
            "image_generation_call",
            "message",
        ]


async def test_exact_text_that_was_read_can_be_quoted_in_a_later_turn(sdk_for):
    async with sdk_for([READ], [VlmText(text="Read.")], [VlmText(text="{{text_1:2}}!")]) as client:
        made = await client.conversations.create(items=[{"role": "user", "content": [IMAGE]}])
        await ask(client, made, "read")
        assert (await ask(client, made, "the second line?")).output_text == "line 2!"


async def test_a_deleted_item_is_not_shown_any_more_and_leaves_all_names_as_they_were(sdk_for):
    answers = [DRAW], [VlmText(text="Here.")], [VlmText(text="Seen.")], [VlmText(text="Two.")], [VlmText(text="x")]
    async with sdk_for(*answers) as client:
        made = await client.conversations.create()
        drawn = await ask(client, made, "draw", tools=[PAINT])
        await ask(client, made, "what is it?")
        other = {"type": "input_image", "image_url": data_url(png(8, 8, "blue"))}
        await ask(client, made, [{"role": "user", "content": [other]}])
        await client.conversations.items.delete(drawn.output[0].id, conversation_id=made.id)
        third = {"type": "input_image", "image_url": data_url(png(8, 8, "green"))}
        await ask(client, made, [{"role": "user", "content": [third]}])
        assert shown(client, 4) == [
            ("user", "draw"),
            ("assistant", "Here."),
            ("user", "what is it?"),
            ("assistant", "Seen."),
            ("user", "image_2: <picture>"),
            ("assistant", "Two."),
            ("user", "image_3: <picture>"),
        ]


async def test_a_deleted_call_takes_its_result_out_of_sight(sdk_for):
    async with sdk_for([CALL], [VlmText(text="It is 1.")], [VlmText(text="x")]) as client:
        made = await client.conversations.create()
        called = (await ask(client, made, "call", tools=[FUNCTION])).output[0]
        with pytest.raises(openai.BadRequestError, match="No tool output found"):
            await ask(client, made, "and?")
        await ask(client, made, [{"type": "function_call_output", "call_id": called.call_id, "output": "1"}])
        await client.conversations.items.delete(called.id, conversation_id=made.id)
        await ask(client, made, "more")
        assert shown(client, 2) == [("user", "call"), ("assistant", "It is 1."), ("user", "more")]
        assert "function_call_output" in [item.type for item in await items_of(client, made)]


async def test_of_two_responses_at_once_one_is_refused_and_adds_nothing(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        made = await client.conversations.create()
        both = await asyncio.gather(
            *(ask(client, made, text, background=True) for text in ("a", "b")), return_exceptions=True
        )
        (refused,) = [each for each in both if isinstance(each, openai.ConflictError)]
        (begun,) = [each for each in both if not isinstance(each, Exception)]
        assert refused.code == "conversation_locked"
        acts = (
            client.conversations.items.create(made.id, items=[{"role": "user", "content": "c"}]),
            ask(client, made, "d"),
        )
        for act in acts:
            with pytest.raises(openai.ConflictError):
                await act
        vlm.gate.set()
        await until_ended(client, begun.id)
        assert [item.role for item in await items_of(client, made)] == ["user", "assistant"]
        await ask(client, made, "e")
        assert len(await items_of(client, made)) == 4


async def test_what_was_read_before_somebody_else_added_is_refused(sdk_for):
    """Both read the conversation while it is free; the second to begin would not know what the first one said."""
    async with sdk_for([VlmText(text="x")], [VlmText(text="y")]) as client:
        made = await client.conversations.create()
        read = asyncio.Event()
        keep = client.house.uploads.keep

        async def slowly(data_url):
            read.set()
            await added.wait()
            return await keep(data_url)

        added = asyncio.Event()
        client.house.uploads.keep = slowly
        slow = asyncio.create_task(ask(client, made, [{"role": "user", "content": [IMAGE]}]))
        await asyncio.wait_for(read.wait(), 5)
        await ask(client, made, "quick")
        added.set()
        with pytest.raises(openai.ConflictError):
            await slow
        assert len(await items_of(client, made)) == 2


async def test_a_client_that_leaves_loses_nothing(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        made = await client.conversations.create()
        async with await ask(client, made, "hello", stream=True) as events:
            response_id = (await anext(aiter(events))).response.id
        vlm.gate.set()
        await until_ended(client, response_id)
        assert [item.role for item in await items_of(client, made)] == ["user", "assistant"]


async def test_a_response_that_was_cancelled_adds_nothing_and_lets_go(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        made = await client.conversations.create()
        begun = await ask(client, made, "hello", background=True)
        assert (await client.conversations.retrieve(made.id)).running_response_id == begun.id
        await client.responses.cancel(begun.id)
        ended = await client.conversations.retrieve(made.id)
        assert (ended.running_response_id, ended.unkept_response_id) == (None, begun.id)
        assert await items_of(client, made) == []
        vlm.gate.set()
        await ask(client, made, "again")
        assert (await client.conversations.retrieve(made.id)).unkept_response_id is None
        assert [item.content[0].text for item in await items_of(client, made)] == ["again", "First. Second."]


async def test_a_response_that_failed_adds_nothing_and_lets_go(sdk_for):
    class Fails(ScriptedVlm):
        async def answer(self, messages, offer, sampling):
            if len(messages) == 2:
                raise VlmUnavailable("The VLM is away.")
            async for event in super().answer(messages, offer, sampling):
                yield event

    async with sdk_for(vlm=Fails([[VlmText(text="Hi.")]])) as client:
        made = await client.conversations.create()
        with pytest.raises(openai.InternalServerError):
            await ask(client, made, "hello")
        assert await items_of(client, made) == []
        await ask(client, made, [{"role": "user", "content": text} for text in ("a", "b")])
        assert len(await items_of(client, made)) == 3


async def test_an_answer_cut_at_its_limit_is_kept(sdk_for):
    async with sdk_for([VlmText(text="On and"), VlmEnd(finish_reason="length")]) as client:
        made = await client.conversations.create()
        assert (await ask(client, made, "hello")).status == "incomplete"
        assert [item.status for item in await items_of(client, made)] == ["completed", "incomplete"]


async def test_a_conversation_stays_locked_until_another_process_has_ended_its_response(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        made = await client.conversations.create()
        begun = await ask(client, made, "hello", background=True)
        await leave(client.house, begun.id)
        with pytest.raises(openai.ConflictError):
            await ask(client, made, "too early")
        vlm.gate.set()
        run = await resume(client.house.running.take_silent(60), client.house)
        await asyncio.wait_for(run.task, 5)
        await ask(client, made, "again")
        said = [item.content[0].text for item in await items_of(client, made)]
        assert said == ["hello", "First. ", "First. Second.", "again", "First. Second."]


async def test_a_conversation_deleted_meanwhile_stays_deleted_and_the_answer_is_given(sdk_for):
    vlm = GatedVlm()
    async with sdk_for(vlm=vlm) as client:
        made = await client.conversations.create()
        begun = await ask(client, made, "hello", background=True)
        await client.conversations.delete(made.id)
        vlm.gate.set()
        assert (await until_ended(client, begun.id)).output_text == "First. Second."
        with pytest.raises(openai.NotFoundError):
            await client.conversations.retrieve(made.id)


async def test_a_deleted_response_leaves_the_conversation_as_it_is(sdk_for):
    async with sdk_for([VlmText(text="One.")]) as client:
        made = await client.conversations.create()
        await client.responses.delete((await ask(client, made, "hello")).id)
        assert len(await items_of(client, made)) == 2


async def test_a_conversation_is_counted_and_shortened(sdk_for):
    async with sdk_for([VlmText(text="One.")]) as client:
        made = await client.conversations.create(items=[{"role": "user", "content": "hello"}])
        assert (await client.responses.input_tokens.count(conversation=made.id)).object == "response.input_tokens"
        short = await client.responses.compact(model="diptych", extra_body={"conversation": made.id})
        assert short.output[0].type == "compaction"
        assert len(await items_of(client, made)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"previous_response_id": "resp_x"},
        {"store": False},
        {"conversation": {}},
        {"conversation": 7},
        {"conversation": ""},
    ],
)
async def test_what_does_not_go_together_is_refused_in_words(sdk_for, body):
    async with sdk_for() as client:
        made = await client.conversations.create()
        asked = {"model": "diptych", "input": "x", "conversation": made.id} | body
        with pytest.raises(openai.BadRequestError, match="conversation"):
            await client.responses.create(**asked)


async def test_time_between_turns_is_activity(sdk_for):
    async with sdk_for([VlmText(text="One.")]) as client:
        made = await client.conversations.create()
        before = client.house.conversations.get(made.id, "local").active_at
        await ask(client, made, "hello")
        assert before < client.house.conversations.get(made.id, "local").active_at <= time.time()
