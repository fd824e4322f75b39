"""Edits and closer looks through `/v1/responses`, with OpenAI's own client, a scripted VLM and a quick painter."""

import io

import openai
import pytest
from PIL import Image

from orchestrator.vlm.client import VlmText, VlmToolCall
from shared.imaging import open_mask
from shared.jobs import EditImage
from tests.conftest import data_url, png

PAINT = {"type": "image_generation"}
DRAW = VlmToolCall(call_id="a", name="generate_image", arguments='{"prompt": "a cat"}')
EDIT = VlmToolCall(call_id="b", name="edit_image", arguments='{"image": "image_1", "prompt": "a cat at night"}')
LOOK = VlmToolCall(call_id="c", name="look_closer", arguments='{"image": "image_1", "box": [0, 0, 8, 8]}')
DONE = [VlmText(text="Done.")]
PICTURE = {"role": "user", "content": [{"type": "input_image", "detail": "auto", "image_url": data_url(png(64, 64))}]}


def mask() -> bytes:
    image = Image.new("RGBA", (64, 64), "black")
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


async def create(client, *messages, **body):
    return await client.responses.create(model="diptych", input=list(messages) or "please", **body)


def edits(client):
    """The inputs of the edits that were done, newest last."""
    jobs = [client.house.ledger.get(job_id) for job_id in client.house.dispatcher.seen]
    return [job.input for job in jobs if isinstance(job.input, EditImage)]


@pytest.fixture
def watched(dispatcher):
    """The dispatcher, which remembers the ids of its jobs."""

    class Watched:
        def __init__(self):
            self.seen = []

        async def run(self, job):
            self.seen.append(job.id)
            async for event in dispatcher.run(job):
                yield event

    return Watched()


async def test_a_picture_of_an_earlier_response_is_edited_in_the_next(sdk_for, watched):
    async with sdk_for([DRAW], DONE, [EDIT], DONE, served_by=watched) as client:
        first = await create(client, tools=[PAINT])
        second = await create(client, previous_response_id=first.id, tools=[PAINT])
        item = second.output[0]
        assert (item.type, item.status) == ("image_generation_call", "completed")
        assert item.to_dict()["action"] == "edit"
        assert item.to_dict()["revised_prompt"] == "a cat at night"
        assert edits(client)[0].strength is None


async def test_the_action_decides_what_is_offered(sdk_for):
    async with sdk_for(*[DONE] * 3) as client:
        for action in ("generate", "edit", "auto"):
            await create(client, PICTURE, tools=[PAINT | {"action": action}])
        offered = [{tool["function"]["name"] for tool in offer.tools} for _, offer in client.house.vlm.asked]
    painting = {"generate_image", "edit_image"}
    assert [names & painting for names in offered] == [{"generate_image"}, {"edit_image"}, painting]


async def test_a_choice_of_image_generation_leaves_the_model_painting_and_editing(sdk_for):
    async with sdk_for(*[DONE] * 3) as client:
        for action in ("auto", "edit"):
            await create(client, PICTURE, tools=[PAINT | {"action": action}], tool_choice=PAINT)
        await create(client, tools=[PAINT], tool_choice=PAINT)
        asked = [
            (sorted(tool["function"]["name"] for tool in offer.tools), offer.choice)
            for _, offer in client.house.vlm.asked
        ]
    assert asked == [
        (["edit_image", "generate_image"], "required"),
        (["edit_image"], "edit_image"),
        (["generate_image"], "generate_image"),
    ]


async def test_a_mask_comes_inline_or_by_file_id_and_is_not_echoed(sdk_for, watched, store):
    async with sdk_for([EDIT], DONE, [EDIT], DONE, served_by=watched) as client:
        file = await client.files.create(file=("mask.png", mask()), purpose="vision")
        for given in ({"image_url": data_url(mask())}, {"file_id": file.id}):
            response = await create(client, PICTURE, tools=[PAINT | {"input_image_mask": given}])
            assert "input_image_mask" not in response.tools[0].to_dict()
        masks = {work.mask for work in edits(client)}
    assert len(masks) == 1
    image = open_mask(store.get(masks.pop()))
    assert (image.getpixel((31, 9)), image.getpixel((32, 9))) == (255, 0)


async def test_fidelity_and_strength_reach_the_painter(sdk_for, watched):
    async with sdk_for(*[[EDIT], DONE] * 2, served_by=watched) as client:
        await create(client, PICTURE, tools=[PAINT | {"input_fidelity": "high"}])
        await create(client, PICTURE, tools=[PAINT], extra_body={"diptych": {"strength": 0.3}})
        assert [work.strength for work in edits(client)] == [0.6, 0.3]


async def test_a_closer_look_is_an_item_where_it_is_named(sdk_for):
    async with sdk_for(*[[LOOK], DONE] * 2) as client:
        named = await create(client, PICTURE, tools=[{"type": "diptych:look_closer"}])
        unnamed = await create(client, PICTURE)
    assert [item.type for item in named.output] == ["diptych:look_closer_call", "message"]
    assert [item.type for item in unnamed.output] == ["message"]


@pytest.mark.parametrize(
    ("tool", "code"),
    [
        ({"action": "edit"}, "invalid_request"),
        ({"input_image_mask": {}}, "invalid_request"),
        ({"input_image_mask": {"image_url": data_url(png())}}, "mask_without_alpha"),
        ({"input_image_mask": {"image_url": "https://example.com/mask.png"}}, "invalid_image_url"),
    ],
)
async def test_what_cannot_be_edited_is_refused(sdk_for, tool, code):
    async with sdk_for(DONE) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await create(client, tools=[PAINT | tool])
    assert raised.value.code == code
    assert raised.value.param.startswith("tools")


async def test_a_mask_that_fits_no_picture_is_refused_before_anything_is_done(sdk_for):
    other = {"role": "user", "content": [PICTURE["content"][0] | {"image_url": data_url(png(64, 32))}]}
    async with sdk_for(DONE) as client:
        with pytest.raises(openai.BadRequestError, match="same width and height") as raised:
            await create(client, other, tools=[PAINT | {"input_image_mask": {"image_url": data_url(mask())}}])
    assert raised.value.param == "tools"


async def test_a_mask_file_of_somebody_else_or_of_nobody_is_not_found(sdk_for):
    async with sdk_for(DONE) as client:
        with pytest.raises(openai.NotFoundError):
            await create(client, PICTURE, tools=[PAINT | {"input_image_mask": {"file_id": "file-none"}}])


async def given(client, *messages, call, **body):
    """A response whose call the person gives; the VLM has no answer for it."""
    return await create(client, *messages, tools=[PAINT], extra_body={"diptych": {"seed": 3, "call": call}}, **body)


async def test_a_call_that_is_given_is_made_without_asking_the_vlm(sdk_for, watched):
    async with sdk_for(served_by=watched) as client:
        drawn = await given(client, call={"name": "generate_image", "prompt": "A"})
        (picture,) = drawn.output
        assert (picture.revised_prompt, picture.diptych["seed"], drawn.status) == ("A", 3, "completed")
        call = {"name": "edit_image", "prompt": "B", "image_url": picture.diptych["url"], "box": [0, 0, 8, 8]}
        edited = await given(client, call=call, previous_response_id=drawn.id)
        assert (edited.output[0].action, edited.output[0].diptych["arguments"]["image"]) == ("edit", "image_1")
        assert edited.output[0].diptych["source"] == picture.diptych["url"]
        assert edits(client)[0].box == (0, 0, 8, 8)
        assert client.house.vlm.asked == []


async def test_a_given_call_that_fails_fails_the_response_in_its_words(sdk_for):
    async with sdk_for() as client:
        drawn = await given(client, call={"name": "generate_image", "prompt": "A"})
        url = drawn.output[0].diptych["url"]
        call = {"name": "edit_image", "prompt": "B", "image_url": url, "box": [0, 0, 800, 8]}
        begun = await given(client, previous_response_id=drawn.id, call=call, background=True)
        async for event in await client.responses.retrieve(begun.id, stream=True):
            last = event
    assert last.response.status == "failed"
    assert "does not lie within the picture" in last.response.error.message


@pytest.mark.parametrize(
    "call",
    [
        {"name": "edit_image", "prompt": "B", "image_url": "http://127.0.0.1:8000/v1/artifacts/nothing"},
        {"name": "edit_image", "prompt": "B"},
        {"name": "generate_image", "prompt": "B", "box": [0, 0, 8, 8]},
        {"name": "read_text", "prompt": "B"},
        {"name": "generate_image", "prompt": ""},
    ],
)
async def test_a_given_call_that_cannot_be_made_is_refused(sdk_for, call):
    async with sdk_for() as client:
        with pytest.raises(openai.BadRequestError, match="diptych"):
            await given(client, PICTURE, call=call)
