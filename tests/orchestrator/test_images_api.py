"""`/v1/images` with OpenAI's own client on the app in process, and the embedded painter behind it."""

import base64
import contextlib
import io
import json

import httpx2
import jsonschema
import numpy as np
import openai
import pytest
from PIL import Image

from orchestrator.app import create_app
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.records.queues import QueueRecords
from orchestrator.vlm.scripted import ScriptedVlm
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.errors import JobFailed
from shared.jobs import Queue
from shared.provenance import PAINTED, XMP_CHUNK, read_provenance
from tests.conftest import ListSink
from workers.diffusion import performs
from workers.job_run import JobRunner

CAT = "an orange cat in a cardboard box"
FAST = {"quality": "low"}


@pytest.fixture(scope="module")
def painter():
    return Painters(DiffusionSettings())


@pytest.fixture
def house(make_services, ledger, store, painter):
    kinds = performs(painter, store)

    def work(job_id, emit):
        JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, kinds[ledger.get(job_id).kind])

    return make_services(ScriptedVlm([]), served_by=InProcessDispatcher(ledger, work))


@pytest.fixture
async def http(house):
    @contextlib.asynccontextmanager
    async def opened(_settings):
        yield house

    app = create_app(house.settings, opened)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=100) as client:
            yield client
    await house.turns.close()


@pytest.fixture
def images(http):
    client = openai.AsyncOpenAI(
        base_url="http://127.0.0.1:8000/v1", api_key="none", http_client=http, max_retries=0, timeout=100
    )
    return client.images


def opened(data: bytes | str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data) if isinstance(data, str) else data))


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


def mask(size, *box: int) -> bytes:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), box)
    return encoded(image)


async def test_a_picture_is_painted_at_the_painters_own_size(images):
    made = await images.generate(prompt=CAT, extra_body={"diptych": {"seed": 7, "steps": 4, "guidance": 2.0}})
    picture = base64.b64decode(made.data[0].b64_json)
    record = read_provenance(picture)
    assert (record.prompt, record.seed, record.steps, record.guidance_scale) == (CAT, 7, 4, 2.0)
    assert (made.size, made.output_format, made.quality, made.background) == ("128x128", "png", "high", "opaque")
    own = made.data[0].model_extra["diptych"]
    assert (own["seed"], own["steps"], own["native_size"], own["unknown_words"]) == (7, 4, "128x128", [])


async def test_usage_counts_the_painters_own_tokens(images):
    one = await images.generate(prompt="a cat", **FAST)
    two = await images.generate(prompt="a cat", n=2, **FAST)
    assert one.usage.input_tokens == one.usage.input_tokens_details.text_tokens == 4
    assert one.usage.output_tokens == 64  # 16 × 16 latent cells in patches of 2 × 2
    assert two.usage.output_tokens == 128
    assert two.usage.total_tokens == two.usage.input_tokens + 128


async def test_several_pictures_have_seeds_that_follow_each_other_and_come_in_their_order(images):
    made = await images.generate(prompt=CAT, n=3, extra_body={"diptych": {"seed": 4294967294, "fast": True}})
    assert [picture.model_extra["diptych"]["seed"] for picture in made.data] == [4294967294, 4294967295, 0]
    again = await images.generate(prompt=CAT, extra_body={"diptych": {"seed": 0, "fast": True}})
    assert again.data[0].b64_json == made.data[2].b64_json


async def test_low_quality_is_the_painters_fast_setting(images):
    made = await images.generate(prompt=CAT, model="gpt-image-1.5", quality="low")
    assert made.quality == "low"
    assert read_provenance(base64.b64decode(made.data[0].b64_json)).fast
    assert "diptych" not in made.data[0].model_extra


async def test_any_size_is_painted_near_the_painters_own_and_enlarged(images):
    made = await images.generate(prompt=CAT, size="1536x1024", **FAST, extra_body={"diptych": {}})
    assert opened(made.data[0].b64_json).size == (1536, 1024)
    assert made.size == "1536x1024"
    assert made.data[0].model_extra["diptych"]["native_size"] == "160x112"


@pytest.mark.parametrize("form", ["jpeg", "webp", "png"])
async def test_a_picture_comes_in_the_format_that_was_asked_for_with_the_mark_of_its_making(images, form):
    made = await images.generate(prompt=CAT, output_format=form, output_compression=80, **FAST)
    picture = opened(made.data[0].b64_json)
    assert (picture.format, made.output_format) == (form.upper(), form)
    assert PAINTED in str(picture.info.get("xmp") or picture.info.get(XMP_CHUNK))


async def test_less_quality_is_a_smaller_file_and_a_webp_of_100_is_lossless(images):
    async def painted(**options):
        made = await images.generate(prompt=CAT, **FAST, **options, extra_body={"diptych": {"seed": 3}})
        return base64.b64decode(made.data[0].b64_json)

    png, lossless = await painted(), await painted(output_format="webp")
    assert (np.asarray(opened(png)) == np.asarray(opened(lossless).convert("RGB"))).all()
    for form in ("jpeg", "webp"):
        files = [await painted(output_format=form, output_compression=quality) for quality in (10, 90)]
        assert len(files[0]) < len(files[1])


async def test_a_url_opens_without_a_key(images, http):
    made = await images.generate(prompt=CAT, response_format="url", output_format="webp", **FAST)
    assert made.data[0].b64_json is None
    answer = await http.get(made.data[0].url)
    assert answer.headers["content-type"] == "image/webp"
    assert opened(answer.content).size == (128, 128)


async def test_a_stream_shows_partial_images_of_the_painting_itself(images):
    stream = await images.generate(prompt=CAT, stream=True, partial_images=3, output_format="webp")
    events = [event async for event in stream]
    assert [event.type for event in events] == 3 * ["image_generation.partial_image"] + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:3]] == [0, 1, 2]
    assert len({event.b64_json for event in events}) == 4
    assert {opened(event.b64_json).format for event in events} == {"WEBP"}
    assert events[-1].usage.total_tokens == events[-1].usage.input_tokens + 64
    assert (events[-1].size, events[-1].quality) == ("128x128", "high")


async def test_a_stream_names_its_events_and_ends_as_openais_does(http):
    body = {"prompt": CAT, "stream": True, "quality": "low"}
    answer = await http.post("/v1/images/generations", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.startswith("event: image_generation.completed\ndata: {")
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_a_stream_of_several_pictures_has_each_of_them(images):
    stream = await images.generate(prompt=CAT, n=2, stream=True, **FAST, extra_body={"diptych": {"seed": 5}})
    events = [event async for event in stream]
    assert {event.model_extra["diptych"]["seed"] for event in events} == {5, 6}


@pytest.mark.parametrize(
    ("body", "param", "status"),
    [
        ({}, "prompt", 400),
        ({"prompt": ""}, "prompt", 400),
        ({"prompt": "a" * 32_001}, "prompt", 400),
        ({"prompt": "a", "n": 0}, "n", 400),
        ({"prompt": "a", "n": 11}, "n", 400),
        ({"prompt": "a", "n": "2"}, "n", 400),
        ({"prompt": "a", "size": "12x12"}, "size", 400),
        ({"prompt": "a", "size": "large"}, "size", 400),
        ({"prompt": "a", "background": "transparent"}, "background", 400),
        ({"prompt": "a", "output_format": "gif"}, "output_format", 400),
        ({"prompt": "a", "output_compression": 101}, "output_compression", 400),
        ({"prompt": "a", "partial_images": 4}, "partial_images", 400),
        ({"prompt": "a", "diptych": {"sampler": "euler"}}, "diptych.sampler", 400),
        ({"prompt": "a", "model": "stable-diffusion"}, "model", 404),
    ],
)
async def test_what_cannot_be_served_is_said_in_a_sentence(http, body, param, status):
    answer = await http.post("/v1/images/generations", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["param"].startswith(param)
    assert error["message"].endswith(".")


async def test_null_is_what_a_field_that_is_left_out_is(http):
    body = dict.fromkeys(("model", "n", "size", "quality", "response_format", "output_format", "stream", "diptych"))
    answer = await http.post("/v1/images/generations", json=body | {"prompt": CAT, "quality": "low"})
    assert answer.status_code == 200


async def test_an_edit_keeps_its_pictures_size_and_changes_what_the_prompt_says(images):
    source = noise(300, 200)
    made = await images.edit(
        image=encoded(source), prompt="a red apple", extra_body={"diptych": json.dumps({"seed": 1, "strength": 0.5})}
    )
    assert (made.size, opened(made.data[0].b64_json).size) == ("300x200", (300, 200))
    record = read_provenance(base64.b64decode(made.data[0].b64_json))
    assert (record.prompt, record.seed, record.edit.strength, record.edit.mask) == ("a red apple", 1, 0.5, None)
    assert made.usage.input_tokens_details.image_tokens == made.usage.output_tokens > 0


@pytest.mark.parametrize(("form", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
async def test_outside_a_mask_every_pixel_comes_back_as_it_was(images, form, options):
    source = noise(220, 160)
    made = await images.edit(
        image=("source", encoded(source, form, **options)),
        mask=("mask.png", mask(source.size, 40, 30, 100, 90)),
        prompt="a red apple",
        output_format=form.lower(),
    )
    before, after = np.asarray(source), np.asarray(opened(made.data[0].b64_json).convert("RGB"))
    outside = np.ones(before.shape[:2], bool)
    outside[30:90, 40:100] = False
    assert (after[outside] == before[outside]).all()
    assert (after[~outside] != before[~outside]).any(axis=-1).mean() > 0.9


async def test_a_box_does_what_a_mask_does(images):
    source = noise(128, 128)
    made = await images.edit(
        image=encoded(source), prompt="a red apple", extra_body={"diptych": '{"box": [0, 0, 64, 128], "seed": 1}'}
    )
    masked = await images.edit(
        image=encoded(source),
        mask=mask((128, 128), 0, 0, 64, 128),
        prompt="a red apple",
        extra_body={"diptych": '{"seed": 1}'},
    )
    pixels = [np.asarray(opened(answer.data[0].b64_json)) for answer in (made, masked)]
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0][:, 64:] == np.asarray(source)[:, 64:]).all()


async def test_an_edit_is_brought_whole_within_another_size(images):
    made = await images.edit(image=encoded(noise(300, 200)), prompt="a red apple", size="1024x1024", **FAST)
    assert (made.size, opened(made.data[0].b64_json).size) == ("1024x683", (1024, 683))
    assert read_provenance(base64.b64decode(made.data[0].b64_json)).edit is not None


async def test_of_several_pictures_the_first_is_edited_and_that_is_said(images):
    made = await images.edit(
        image=[encoded(noise(64, 96)), encoded(noise(128, 128))], prompt="a cat", extra_body={"diptych": "{}"}, **FAST
    )
    assert made.size == "64x96"
    assert made.data[0].model_extra["diptych"]["unused_images"] == 1


async def test_high_fidelity_edits_with_less_strength(images):
    async def strength(**options):
        made = await images.edit(image=encoded(noise(64, 64)), prompt="a cat", **FAST, **options)
        return read_provenance(base64.b64decode(made.data[0].b64_json)).edit.strength

    assert await strength(input_fidelity="high") < await strength() < await strength(mask=mask((64, 64), 0, 0, 9, 9))


async def test_an_edit_streams_previews_of_the_whole_picture(images):
    source = Image.new("RGB", (200, 100), "white")
    stream = await images.edit(
        image=encoded(source), mask=mask(source.size, 0, 0, 50, 50), prompt="a cat", stream=True, partial_images=1
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    preview = opened(events[0].b64_json)
    assert preview.size == (128, 64)
    assert np.asarray(preview.convert("RGB"))[40:, 60:].min() > 240
    assert events[-1].usage.input_tokens_details.image_tokens > 0


@pytest.mark.parametrize(
    ("files", "fields", "param", "code"),
    [
        ({}, {}, "image", "invalid_request"),
        ({"image": b"hello"}, {}, "image", "unsupported_image_media_type"),
        ({"image": b""}, {}, "image", "empty_image_file"),
        ({"mask": b"hello"}, {}, "mask", "unsupported_image_media_type"),
        ({"mask": encoded(noise(64, 64))}, {}, "mask", "mask_without_alpha"),
        ({"mask": mask((32, 64), 0, 0, 9, 9)}, {}, "mask", "invalid_mask"),
        ({"mask": mask((64, 64), 0, 0, 9, 9)}, {"diptych": '{"box": [0, 0, 9, 9]}'}, "mask", "invalid_request"),
        ({}, {"diptych": '{"box": [0, 0, 65, 9]}'}, "diptych", "invalid_box"),
        ({}, {"diptych": '{"box": [0, 0, 9]}'}, "diptych", "invalid_request"),
        ({}, {"diptych": '{"strength": 0}'}, "diptych", "invalid_request"),
        ({}, {"diptych": "seed=7"}, "diptych", "invalid_request"),
        ({}, {"n": "many"}, "n", "invalid_request"),
        ({}, {"mask": "hello"}, "mask", "invalid_request"),
        ({}, {"prompt": ""}, "prompt", "invalid_request"),
        ({}, {"background": "transparent"}, "background", "invalid_request"),
    ],
)
async def test_an_edit_that_cannot_be_done_is_said_in_a_sentence(http, files, fields, param, code):
    sent = {"image": encoded(noise(64, 64))} | files
    if param == "image" and not files:
        sent = {}
    answer = await http.post(
        "/v1/images/edits", data={"prompt": "a cat"} | fields, files=list(sent.items()) or [("other", b"x")]
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert error["param"].startswith(param)
    assert error["message"].endswith(".")


async def test_seventeen_pictures_are_too_many(http):
    files = [("image[]", encoded(noise(16, 16)))] * 17
    answer = await http.post("/v1/images/edits", data={"prompt": "a cat"}, files=files)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image[]")


async def test_a_job_that_fails_before_the_first_byte_has_its_own_status_and_stops_the_others(
    images, engine, painter, monkeypatch
):
    predict = painter.usual.model.usual.denoiser.predict
    monkeypatch.setattr(painter.usual.model.usual.denoiser, "predict", lambda *given: predict(*given) * float("nan"))
    with pytest.raises(openai.InternalServerError, match="out of range") as raised:
        await images.generate(prompt=CAT, n=3, stream=True)
    assert raised.value.code == JobFailed.code
    assert QueueRecords(engine).state(Queue.DIFFUSION).waiting == 0


async def test_an_error_in_the_middle_is_the_streams_last_frame(images, painter, monkeypatch):
    def fails(latents):
        raise JobFailed("The painter's numbers ran out of range.")

    monkeypatch.setattr(painter.usual.model.autoencoder, "decode", fails)
    seen = []
    with pytest.raises(openai.APIError, match="out of range"):
        async for event in await images.generate(prompt=CAT, stream=True, partial_images=1):
            seen.append(event.type)
    assert seen == ["image_generation.partial_image"]


async def test_a_job_can_be_stopped_by_its_id_and_the_request_says_so(images, ledger, monkeypatch):
    submit = ledger.submit

    def stopped(job):
        submit(job)
        ledger.cancel(job.id)

    monkeypatch.setattr(ledger, "submit", stopped)
    with pytest.raises(openai.APIStatusError) as raised:
        await images.generate(prompt=CAT)
    assert (raised.value.status_code, raised.value.code) == (409, "job_cancelled")


async def test_the_openapi_document_has_the_form_as_it_is(http):
    document = (await http.get("/openapi.json")).json()
    content = document["paths"]["/v1/images/edits"]["post"]["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    form = document["components"]["schemas"]["EditForm"]["properties"]
    assert form["image"]["items"]["contentMediaType"] == "application/octet-stream"
    assert {"image", "image[]", "mask", "prompt", "n", "size", "diptych", "input_fidelity"} <= set(form)


async def test_an_answer_is_what_the_openapi_document_says(http):
    document = (await http.get("/openapi.json")).json()
    answered = document["paths"]["/v1/images/generations"]["post"]["responses"]["200"]["content"]
    assert set(answered) == {"application/json", "text/event-stream"}
    schema = answered["application/json"]["schema"] | {"components": document["components"]}
    body = {"prompt": CAT, "n": 2, "diptych": {"fast": True}}
    jsonschema.validate((await http.post("/v1/images/generations", json=body)).json(), schema)
