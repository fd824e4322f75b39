"""Counting a response's input, shortening a conversation, and edits of its pictures, with OpenAI's own client."""

import base64
import io

import openai
import pytest
from PIL import Image

from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from shared.events import Usage
from tests.conftest import data_url, png

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a zeppelin"}')
READ = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
EDIT = VlmToolCall(call_id="c", name="edit_image", arguments='{"image": "image_1", "prompt": "a cat at night"}')
WEATHER_CALL = VlmToolCall(call_id="c", name="get_weather", arguments="{}")
FUNCTION = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
IMAGE = {"type": "input_image", "image_url": data_url(png())}
ASK = {"role": "user", "content": [IMAGE, {"type": "input_text", "text": "what does it say?"}]}


def mask(width=32, height=32):
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (0, 0, 0, 0)).save(out, "PNG")
    return {"image_url": f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"}


async def create(client, *items, **body):
    return await client.responses.create(model="diptych", input=list(items) or "hello", **body)


async def test_input_is_counted_by_the_vlm_with_its_tools(sdk_for):
    async with sdk_for([VlmText(text="x"), VlmEnd(usage=Usage(prompt_tokens=42, image_tokens=7))]) as client:
        count = await client.responses.input_tokens.count(input=[ASK], tools=[FUNCTION], instructions="Be brief.")
        (messages, offer), *_ = client.house.vlm.asked
    assert (count.input_tokens, count.object) == (42, "response.input_tokens")
    assert count.input_tokens_details["image_tokens"] == 7
    assert messages[0]["content"].endswith("Be brief.")
    assert "get_weather" in [tool["function"]["name"] for tool in offer.tools]


async def test_a_compacted_conversation_goes_on_with_its_pictures_and_texts_by_handle(sdk_for):
    answers = [READ], [VlmText(text="{{text_1:1}}")], [DRAW], [VlmText(text="Here.")]
    async with sdk_for(*answers, [VlmText(text="{{text_1:2}} {{image_2:unknown}}")]) as client:
        first = await create(client, ASK)
        second = await create(client, {"role": "user", "content": "draw a zeppelin"}, previous_response_id=first.id)
        compacted = await client.responses.compact(model="diptych", previous_response_id=second.id)
        (item,) = compacted.output
        last = await create(client, item.to_dict(), {"role": "user", "content": "and now?"})
        said = client.house.vlm.asked[-1][0][1:]
    assert last.output_text == "line 2 “zeppelin”"
    assert [(m["role"], m["content"]) for m in said[:-1]] == [
        ("user", "[image_1]what does it say?"),
        ("assistant", "{{text_1:1}}"),
        ("user", "draw a zeppelin"),
        ("assistant", "Here."),
    ]
    assert [part["type"] for part in said[-1]["content"]] == ["text", "image_url", "text"]
    assert said[-1]["content"][0]["text"] == "image_2: "


async def test_a_compaction_keeps_the_newest_words(sdk_for):
    items = [{"role": "user", "content": f"{number} " + "x" * 50} for number in range(9)]
    async with sdk_for([VlmText(text="ok")], compact_chars=120) as client:
        (item,) = (await client.responses.compact(model="diptych", input=items)).output
        await create(client, item.to_dict(), {"role": "user", "content": "go on"})
        said = [message["content"][:2] for message in client.house.vlm.asked[0][0][1:]]
    assert said == ["7 ", "8 ", "go"]


async def test_a_call_that_waits_for_its_output_survives_a_compaction(sdk_for):
    async with sdk_for([WEATHER_CALL], [VlmText(text="Rain.")]) as client:
        first = await create(client, tools=[FUNCTION])
        (item,) = (await client.responses.compact(model="diptych", previous_response_id=first.id)).output
        output = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "rain"}
        assert (await create(client, item.to_dict(), output, tools=[FUNCTION])).output_text == "Rain."


async def test_a_compaction_of_somebody_else_or_a_changed_one_is_refused(sdk_for):
    async with sdk_for() as client:
        (item,) = (await client.responses.compact(model="diptych", input="hello")).output
    sealed = item.encrypted_content
    async with sdk_for(key="k", api_key="k") as other:
        for content in (sealed, sealed[:-2], "x"):
            with pytest.raises(openai.BadRequestError, match="encrypted_content"):
                await create(other, {"type": "compaction", "encrypted_content": content})


async def test_a_compaction_names_its_model(sdk_for):
    async with sdk_for() as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await client.post("/responses/compact", body={"input": "hello"}, cast_to=object)
    assert raised.value.param == "model"


async def test_an_edit_is_an_image_generation_call_whose_action_says_so(sdk_for, ledger):
    tool = {"type": "image_generation", "input_image_mask": mask(16, 16)}
    async with sdk_for([DRAW], [VlmText(text="Here.")], [EDIT], [VlmText(text="There.")]) as client:
        first = await create(client, tools=[{"type": "image_generation"}])
        events = await create(
            client,
            {"role": "user", "content": "make it night"},
            previous_response_id=first.id,
            tools=[tool],
            stream=True,
            extra_body={"diptych": {}},
        )
        events = [event async for event in events]
    picture = events[-1].response.output[0]
    assert (picture.type, picture.action, picture.revised_prompt) == ("image_generation_call", "edit", "a cat at night")
    work = ledger.get(next(event.job_id for event in events if event.type == "diptych:job_queued")).input
    assert work.kind == "edit_image"
    assert work.mask is not None


async def test_an_action_rules_the_other_tool_out(sdk_for):
    async with sdk_for(*[[VlmText(text="x")]] * 2) as client:
        for action in ("edit", "generate"):
            tool = {"type": "image_generation", "action": action}
            await create(client, ASK, tools=[tool], tool_choice={"type": "image_generation"})
        offers = [offer for _, offer in client.house.vlm.asked]
    assert [offer.choice for offer in offers] == ["edit_image", "generate_image"]
    names = [{tool["function"]["name"] for tool in offer.tools} for offer in offers]
    assert "generate_image" not in names[0]
    assert "edit_image" not in names[1]


async def test_a_tool_that_needs_a_picture_cannot_be_demanded_without_one(sdk_for):
    async with sdk_for() as client:
        with pytest.raises(openai.BadRequestError, match="needs a picture"):
            await create(client, tools=[{"type": "diptych:read_text"}], tool_choice={"type": "diptych:read_text"})
