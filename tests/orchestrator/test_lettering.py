"""Pictures with words in them: painted without, then set and read back, by the real painter, typesetter and reader.

Asked for by a VLM that is scripted, and directly.
"""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw

from orchestrator.vlm.client import VlmText, VlmToolCall
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.jobs import JobKind
from shared.provenance import read_provenance
from shared.text_jobs import TextRead
from tests.conftest import data_url
from workers import diffusion, ocr

APPLE = 'a red apple with the words "OPEN"'
FAST = {"seed": 7, "fast": True}
PAINT = {"type": "image_generation"}


@pytest.fixture(scope="module")
def painters():
    return Painters(DiffusionSettings())


@pytest.fixture
def dispatcher(dispatcher_to, store, painters, reader):
    """To both workers, in place of the stand-ins of other tests."""
    return dispatcher_to(diffusion.performs(painters, store) | ocr.performs(reader, store))


@pytest.fixture
def read(reader):
    """What OCR reads in a whole picture, given as base64."""

    def read(encoded):
        out = io.BytesIO()
        Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB").save(out, "PNG")
        *_, found = reader.read(out.getvalue())
        assert isinstance(found, TextRead)
        return found.text

    return read


def paint(prompt):
    return [VlmToolCall(call_id="c", name="generate_image", arguments=json.dumps({"prompt": prompt}))]


def told(client):
    return json.loads(client.house.vlm.asked[-1][0][-1]["content"])


def artifact_of(link):
    return link.partition("/artifacts/")[2].partition("?")[0]


async def answered(client, said="draw it", **options):
    return await client.responses.create(
        model="diptych", input=said, tools=[PAINT], extra_body={"diptych": FAST | options}
    )


async def test_a_vlms_prompt_becomes_a_painting_and_words_over_it(sdk_for, store, read):
    async with sdk_for(paint(APPLE), [VlmText(text="There.")]) as client:
        response = await answered(client)
        result = told(client)
    item = response.output[0].to_dict()
    assert (item["type"], item["status"], item["action"]) == ("image_generation_call", "completed", "generate")
    assert item["revised_prompt"] == APPLE
    assert read(item["result"]) == "OPEN"
    own = item["diptych"]
    assert (own["seed"], own["unknown_words"]) == (7, [])
    lettering = own["lettering"]
    assert (lettering["text"], lettering["read_back"], lettering["exact"]) == ("OPEN", "OPEN", True)
    assert result["words"] == "exact"
    assert "unknown_words" not in result
    painting = read_provenance(store.get(artifact_of(lettering["source"])))
    assert (painting.prompt, painting.lettering) == ("a red apple", None)
    assert read_provenance(base64.b64decode(item["result"])).lettering.exact


async def test_both_jobs_are_told_under_their_call_and_previews_are_the_painters(sdk_for):
    async with sdk_for(paint(APPLE), [VlmText(text="There.")]) as client:
        stream = await client.responses.create(
            model="diptych",
            input="draw it",
            stream=True,
            tools=[PAINT | {"partial_images": 2}],
            extra_body={"diptych": {"seed": 7, "steps": 12}},
        )
        events = [event.to_dict() async for event in stream]
    kinds = [event["type"] for event in events]
    assert kinds.count("response.image_generation_call.partial_image") == 2
    assert kinds.count("response.image_generation_call.generating") == 1
    assert kinds.count("response.image_generation_call.completed") == 1
    (item,) = (
        event["item"] for event in events if event["type"] == "response.output_item.done" and "result" in event["item"]
    )
    ended = [event for event in events if event["type"] == "diptych:job_finished"]
    assert [event["output"]["kind"] for event in ended] == ["generate_image", "compose_text"]
    assert {event["item_id"] for event in ended} == {item["id"]}
    queued = [event["kind"] for event in events if event["type"] == "diptych:job_queued"]
    assert queued == ["generate_image", "compose_text"]


async def test_words_that_a_vlm_copied_badly_are_set_as_the_person_wrote_them(sdk_for):
    async with sdk_for(paint("a red apple with the words “"), [VlmText(text="There.")]) as client:
        response = await answered(client, "draw a red apple with the words “Guten Tag” please")
    assert response.output[0].to_dict()["diptych"]["lettering"]["text"] == "Guten Tag"


async def test_words_that_cannot_be_set_are_told_and_the_painting_is_shown(sdk_for, ledger):
    async with sdk_for(paint('a red apple with the words "\U00013000"'), [VlmText(text="There.")]) as client:
        response = await answered(client)
        result = told(client)
    item = response.output[0].to_dict()
    assert item["status"] == "completed"
    assert "lettering" not in item["diptych"]
    assert result["words"] == "not_set: character_not_in_fonts"
    assert read_provenance(base64.b64decode(item["result"])).prompt == "a red apple"


@pytest.mark.parametrize(("prompt", "options"), [(APPLE, {"lettering": False}), ("a red apple", {})])
async def test_without_wanted_words_there_is_one_job_with_the_prompt_as_it_is(sdk_for, prompt, options):
    async with sdk_for(paint(prompt), [VlmText(text="There.")]) as client:
        response = await answered(client, **options)
        result = told(client)
    item = response.output[0].to_dict()
    record = read_provenance(base64.b64decode(item["result"]))
    assert (record.prompt, record.lettering) == (prompt, None)
    assert "lettering" not in item["diptych"]
    assert "words" not in result


async def test_pictures_asked_for_directly_have_their_words_too(sdk_for, store, read):
    async with sdk_for() as client:
        made = await client.images.generate(prompt=APPLE, n=2, extra_body={"diptych": FAST})
    assert [read(picture.b64_json) for picture in made.data] == ["OPEN", "OPEN"]
    own = [picture.model_extra["diptych"] for picture in made.data]
    assert [each["seed"] for each in own] == [7, 8]
    assert all(each["lettering"]["exact"] for each in own)
    painting = read_provenance(store.get(artifact_of(own[0]["lettering"]["source"])))
    assert (painting.prompt, painting.seed) == ("a red apple", 7)
    assert made.usage.output_tokens == 2 * 64


async def test_a_streamed_picture_ends_with_its_words(sdk_for, read):
    async with sdk_for() as client:
        stream = await client.images.generate(prompt=APPLE, stream=True, partial_images=1, extra_body={"diptych": FAST})
        events = [event async for event in stream]
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert read(events[-1].b64_json) == "OPEN"


async def test_directly_words_that_cannot_be_set_are_refused_with_a_sentence(client_for):
    async with client_for() as client:
        body = {"prompt": 'a red apple with the words "\U00013000"', "diptych": FAST}
        answer = await client.post("/v1/images/generations", json=body)
        left = await client.post("/v1/images/generations", json=body | {"diptych": FAST | {"lettering": False}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "character_not_in_fonts")
    assert left.status_code == 200


async def test_the_painting_and_the_words_are_jobs_of_their_own_and_the_painting_is_kept(sdk_for, ledger):
    async with sdk_for() as client:
        first = await client.images.generate(prompt=APPLE, extra_body={"diptych": FAST})
        again = await client.images.generate(prompt='a red apple with the words "SALE"', extra_body={"diptych": FAST})
    job = ledger.get(first.data[0].model_extra["diptych"]["job"])
    assert (job.kind, job.input.prompt) == (JobKind.GENERATE_IMAGE, "a red apple")
    assert not first.data[0].model_extra["diptych"]["kept"]
    assert again.data[0].model_extra["diptych"]["kept"], "other words over the same painting"


SIGN = 'a wooden sign that says "OPEN"'
SIZE = 256, 192
BOX = [40, 60, 216, 150]


def encoded(image):
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def scene():
    """A picture in which no two pixels are alike for long."""
    dice = np.random.default_rng(5).integers(90, 160, (SIZE[1], SIZE[0], 3), np.uint8)
    return Image.fromarray(dice)


def mask(shape):
    """Transparent where something may change: a box, or what lies in it of an ellipse."""
    open_part = Image.new("L", SIZE, 0)
    getattr(ImageDraw.Draw(open_part), shape)([BOX[0], BOX[1], BOX[2] - 1, BOX[3] - 1], fill=255)
    image = Image.new("RGBA", SIZE, "black")
    image.putalpha(open_part.point([255] * 255 + [0]))
    return encoded(image), np.asarray(open_part) == 255


def edit(prompt, **more):
    arguments = {"image": "image_1", "prompt": prompt} | more
    return [VlmToolCall(call_id="c", name="edit_image", arguments=json.dumps(arguments))]


async def edited(client, scene, tool=PAINT):
    picture = {"type": "input_image", "detail": "auto", "image_url": data_url(encoded(scene))}
    content = [picture, {"type": "input_text", "text": "change it, please"}]
    return await client.responses.create(
        model="diptych", input=[{"role": "user", "content": content}], tools=[tool], extra_body={"diptych": FAST}
    )


def changed(before, after):
    """Where two pictures differ."""
    after = Image.open(io.BytesIO(base64.b64decode(after))).convert("RGB")
    return (np.asarray(before) != np.asarray(after)).any(axis=-1)


@pytest.mark.parametrize("by", ["box", "mask"])
async def test_the_words_of_an_edit_stand_within_what_may_change(sdk_for, scene, read, store, by):
    png, open_part = mask("rectangle")
    tool = PAINT | {"input_image_mask": {"image_url": data_url(png)}} if by == "mask" else PAINT
    call = edit(SIGN, **({"box": BOX} if by == "box" else {}))
    async with sdk_for(call, [VlmText(text="There.")]) as client:
        response = await edited(client, scene, tool)
        result = told(client)
    item = response.output[-2].to_dict()
    assert (item["status"], item["action"], item["revised_prompt"]) == ("completed", "edit", SIGN)
    assert (result["words"], result["edited"]) == ("exact", "image_1")
    assert item["diptych"]["lettering"]["exact"]
    assert "OPEN" in read(item["result"])
    different = changed(scene, item["result"])
    assert not different[~open_part].any()
    assert different[open_part].mean() > 0.9
    assert read_provenance(store.get(artifact_of(item["diptych"]["lettering"]["source"]))).prompt == "a wooden sign"


async def test_the_words_of_a_whole_edit_stand_where_it_is_calm(sdk_for, scene, read):
    async with sdk_for(edit("make the sign say OPEN"), [VlmText(text="There.")]) as client:
        response = await edited(client, scene)
        result = told(client)
    assert result["words"] == "exact"
    assert "OPEN" in read(response.output[-2].to_dict()["result"])


async def test_a_whole_picture_is_not_painted_anew_for_nothing_but_words(sdk_for, scene):
    async with sdk_for(edit('change the text to "OPEN"'), [VlmText(text="There.")]) as client:
        response = await edited(client, scene)
        result = told(client)
    record = read_provenance(base64.b64decode(response.output[-2].to_dict()["result"]))
    assert (record.prompt, record.lettering) == ('change the text to "OPEN"', None)
    assert "words" not in result


@pytest.mark.parametrize("shape", ["rectangle", "ellipse"])
async def test_words_of_edits_asked_for_directly_stay_within_the_mask(sdk_for, scene, read, shape):
    png, open_part = mask(shape)
    async with sdk_for() as client:
        made = await client.images.edit(
            image=encoded(scene), mask=png, prompt=SIGN, extra_body={"diptych": json.dumps(FAST)}
        )
    (picture,) = made.data
    lettering = picture.model_extra["diptych"]["lettering"]
    assert (lettering["text"], lettering["read_back"], lettering["exact"]) == ("OPEN", "OPEN", True)
    assert "OPEN" in read(picture.b64_json)
    assert not changed(scene, picture.b64_json)[~open_part].any()


async def test_words_that_do_not_fit_into_a_mask_are_told_and_the_edit_is_shown(sdk_for, scene):
    call = edit('a sign that says "Antidisestablishmentarianism"', box=[10, 10, 30, 24])
    async with sdk_for(call, [VlmText(text="There.")]) as client:
        response = await edited(client, scene)
        result = told(client)
    assert response.output[-2].to_dict()["status"] == "completed"
    assert result["words"].startswith("not_set: ")
