"""The same turn through Chat and Responses is one conversation: the VLM is shown the same, clients get the same."""

import json
import re

import pytest

from orchestrator.vlm.client import VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from tests.conftest import data_url, png

FUNCTION = {"name": "get_weather", "description": "Weather", "parameters": {"type": "object", "properties": {}}}
PHOTO = data_url(png(48, 32, "blue"))
CALL_ID = re.compile(r"call_[0-9a-f]+")
SCRIPT = (
    [VlmText(text="I paint."), VlmToolCall(call_id="a", name="generate_image", arguments='{"prompt": "a cat"}')],
    [VlmToolCall(call_id="b", name="read_text", arguments='{"image": "image_1"}')],
    [VlmText(text="It says {{text_1}}."), VlmToolCall(call_id="c", name="get_weather", arguments='{"city": "Oslo"}')],
)


def shown(vlm):
    """All that the VLM was asked, the ids of its calls by their order."""
    asked = json.dumps([[messages, offer.tools, offer.choice, offer.parallel] for messages, offer in vlm.asked])
    order: dict[str, str] = {}
    return CALL_ID.sub(lambda match: order.setdefault(match[0], f"call {len(order)}"), asked)


@pytest.fixture
def earlier(store, links):
    """An answer of before, with a picture of ours in it."""
    return f"![a dog]({links.link(store.put(png(16, 16), 'image/png'))})\n\nHere is your picture."


async def through_chat(sdk_for, earlier):
    vlm = ScriptedVlm(SCRIPT)
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "draw a dog"},
        {"role": "assistant", "content": earlier},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": PHOTO}}, {"type": "text", "text": "and now?"}],
        },
    ]
    async with sdk_for(vlm=vlm) as client:
        completion = await client.chat.completions.create(
            model="diptych",
            messages=messages,
            tools=[{"type": "function", "function": FUNCTION}],
            extra_body={"diptych": {"seed": 5}},
        )
    message = completion.choices[0].message
    call = message.tool_calls[0].function
    return vlm, message.content, (call.name, call.arguments), completion.usage.prompt_tokens


async def through_responses(sdk_for, earlier):
    vlm = ScriptedVlm(SCRIPT)
    items = [
        {"role": "user", "content": "draw a dog"},
        {"role": "assistant", "content": earlier},
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": PHOTO, "detail": "auto"},
                {"type": "input_text", "text": "and now?"},
            ],
        },
    ]
    async with sdk_for(vlm=vlm) as client:
        response = await client.responses.create(
            model="diptych",
            instructions="Be brief.",
            input=items,
            tools=[{"type": "function", **FUNCTION}],
            extra_body={"diptych": {"seed": 5}},
        )
    call = next(item for item in response.output if item.type == "function_call")
    return vlm, response.output_text, (call.name, call.arguments), response.usage.input_tokens


async def test_the_same_turn_is_the_same_through_chat_and_responses(sdk_for, earlier):
    chat, *by_chat = await through_chat(sdk_for, earlier)
    responses, *by_responses = await through_responses(sdk_for, earlier)
    assert shown(chat) == shown(responses)
    assert len(chat.asked) == len(SCRIPT)
    words, _, footnote = by_chat[0].partition("[1] ")
    assert (words.replace("[1]", "").rstrip(), footnote) == (by_responses[0].rstrip(), "image_1, lines 1 to 5")
    assert by_chat[1:] == by_responses[1:]
