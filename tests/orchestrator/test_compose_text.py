"""The tool that sets words over a picture: through the agent loop, a ledger and the real typesetter and reader."""

import base64
import io
import json

import pytest
from PIL import Image

from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.items import TextPart
from orchestrator.loop import AgentLoop
from orchestrator.tools.base import PaintingOptions, ToolContext
from orchestrator.tools.functions import Functions
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import Sampling, VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from shared.events import JobFinished, PictureShown
from tests.conftest import data_url, unread
from tests.services.ocr.pages import png

BOUNDS = Bounds(steps=4, calls=4, format_errors=2, seconds=60)


@pytest.fixture
def dispatcher(reading):
    """In place of the stand-ins of other tests."""
    return reading


@pytest.fixture
def run(store, dispatcher, links):
    conversation = Conversation(store, max_images=4)
    teal = store.put(png(Image.new("RGB", (400, 300), "teal")), "image/png")
    conversation.add_user([conversation.add_image(teal), TextPart(text="please")])

    async def run(*answers, functions=None):
        vlm = ScriptedVlm(answers)
        context = ToolContext(
            conversation=conversation,
            dispatcher=dispatcher,
            links=links,
            options=PaintingOptions(),
            owner="local",
            job_s=60,
            result_chars=100,
        )
        reading = TurnReading(unread(vlm, context), context.conversation, "local")
        loop = AgentLoop(vlm, context, Sampling(), BOUNDS, functions or Functions(), reading=reading)
        return [event async for event in loop.run()], vlm

    return run


def compose(**arguments):
    return [VlmToolCall(call_id="c", name="compose_text", arguments=json.dumps({"image": "image_1"} | arguments))]


def told(vlm):
    return json.loads(vlm.asked[-1][0][-1]["content"])


async def test_words_are_set_over_a_picture_that_is_shown_and_has_a_handle(run):
    events, vlm = await run(compose(text="OPEN", position="top", font="serif-bold"), [VlmText(text="There.")])

    (shown,) = (event for event in events if isinstance(event, PictureShown))
    (finished,) = (event for event in events if isinstance(event, JobFinished))
    assert (shown.alt, shown.artifact) == ("OPEN", finished.output.artifact)
    result = told(vlm)
    assert (result["image"], result["lettered"], result["read_back"]) == ("image_2", "image_1", "exact")
    assert result["box"][3] < 150
    assert "note" not in result


async def test_words_that_were_broken_into_lines_are_still_read_back_exactly(run):
    _, vlm = await run(compose(text="你好世界", box=[100, 10, 300, 290]), [VlmText(text="x")])
    assert told(vlm)["lines"] > 1
    assert told(vlm)["read_back"] == "exact"


async def test_words_that_can_hardly_be_read_are_told_to_be_so(run):
    _, vlm = await run(compose(text="OPEN", colour="#008080", outline=False, plate=False), [VlmText(text="x")])
    assert "hard to read" in told(vlm)["note"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"text": "OPEN", "box": [0, 0, 500, 20]}, "does not lie within the picture"),
        ({"text": "far too much " * 60, "box": [0, 0, 60, 20]}, "does not fit"),
        ({"text": "OPEN", "image": "image_7"}, "There is no image_7"),
        ({"text": ""}, "text"),
        ({"text": "OPEN", "colour": "red"}, "colour"),
        ({"text": "OPEN", "size": "large"}, "size"),
        ({"text": "OPEN", "font": "Comic Sans"}, "font"),
        ({"text": "OPEN", "style": "bold"}, "style"),
    ],
)
async def test_calls_that_cannot_be_done_are_answered_with_a_sentence(run, arguments, said):
    _, vlm = await run(compose(**arguments), [VlmText(text="x")])
    assert said in told(vlm)["error"]


async def test_it_is_offered_wherever_there_is_a_picture(run):
    _, vlm = await run([VlmText(text="x")])
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in vlm.asked[0][1].tools}
    parameters = offered["compose_text"]
    assert parameters["properties"]["image"]["enum"] == ["image_1"]
    assert parameters["properties"]["position"]["enum"] == ["calm", "top", "centre", "bottom"]
    assert parameters["required"] == ["image", "text"]


@pytest.mark.parametrize("extended", [False, True])
async def test_in_a_response_the_picture_is_an_item_of_image_generation(sdk_for, extended):
    picture = data_url(png(Image.new("RGB", (400, 300), "teal")))
    asked = [{"role": "user", "content": [{"type": "input_image", "detail": "auto", "image_url": picture}]}]
    extra = {"diptych": {}} if extended else {}
    async with sdk_for(compose(text="OPEN"), [VlmText(text="There.")]) as client:
        response = await client.responses.create(
            model="diptych", input=asked, tools=[{"type": "image_generation"}], extra_body=extra
        )
        (offer,) = {tool["function"]["name"] for tool in client.house.vlm.asked[0][1].tools} & {"compose_text"}
    item = response.output[0].to_dict()
    assert offer == "compose_text"
    assert (item["type"], item["status"], item["action"]) == ("image_generation_call", "completed", "edit")
    assert item["size"] == "400x300"
    made = Image.open(io.BytesIO(base64.b64decode(item["result"])))
    assert made.size == (400, 300)
    assert ("diptych" in item) == extended
    if extended:
        lettering = item["diptych"]["lettering"]
        assert (lettering["text"], lettering["read_back"], lettering["exact"]) == ("OPEN", "OPEN", True)
