"""Pictures with words in them: painted without, then set and read back, by the real painter, typesetter and reader.

Asked for by a VLM that is scripted, and directly.
"""

import base64
import io
import json

import pytest
from PIL import Image

from orchestrator.vlm.client import VlmText, VlmToolCall
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.jobs import JobKind
from shared.provenance import read_provenance
from shared.text_jobs import TextRead
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
