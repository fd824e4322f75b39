"""The whole system, real in every part, driven by OpenAI's own client: what a newcomer and a bad day would do to it."""

import base64
import io
import os
import re
import signal
import threading
from pathlib import Path

import httpx
import openai
import pytest
from PIL import Image

from shared.artifacts import media_type_of
from shared.provenance import read_provenance
from tests.conftest import data_url, png

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
DRAW = "draw an orange cat in a cardboard box"
LINK = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<url>\S+)\)")


def ask(system, text, image=None, **options):
    content = [{"type": "text", "text": text}]
    if image is not None:
        content.insert(0, {"type": "image_url", "image_url": {"url": data_url(image)}})
    messages = [{"role": "user", "content": content}]
    return system.client().chat.completions.create(model="diptych", messages=messages, **options)


def stream(system, text, **painting):
    """Chunks of a streamed answer, with what the workers do."""
    return ask(system, text, stream=True, extra_body={"diptych": painting})


def told(chunks):
    """The workers' events among the chunks."""
    return [event for chunk in chunks if (event := chunk.model_extra.get("diptych"))]


def job_of(system, job_id):
    return httpx.get(f"{system.url}/v1/jobs/{job_id}", timeout=30).json()


def test_a_wish_becomes_a_picture_painted_by_the_worker(system):
    chunks = list(stream(system, DRAW, seed=11, steps=8))
    events = told(chunks)
    kinds = [event["type"] for event in events]
    assert kinds[:3] == ["tool_called", "job_queued", "job_started"]
    assert kinds[-1] == "job_finished"
    assert [event["step"] for event in events if event["type"] == "job_progress"] == list(range(1, 9))
    answer = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    link = LINK.match(answer)
    picture = httpx.get(link["url"], timeout=30).content
    record = read_provenance(picture)
    assert (record.prompt, record.seed, record.steps) == ("an orange cat in a cardboard box", 11, 8)
    job = job_of(system, events[1]["job_id"])
    assert (job["status"], job["attempt"]) == ("done", 1)
    assert media_type_of(job["output"]["artifact"]) == "image/png"


def test_words_that_a_wish_asks_for_stand_in_the_picture(system):
    chunks = list(stream(system, "Draw a red apple with the words OPEN", seed=7, steps=8))
    ended = [event["output"] for event in told(chunks) if event["type"] == "job_finished"]
    assert [output["kind"] for output in ended] == ["generate_image", "compose_text"]
    answer = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    picture = httpx.get(LINK.match(answer)["url"], timeout=30).content
    record = read_provenance(picture)
    assert (record.prompt, record.lettering.text, record.lettering.exact) == ("a red apple", "OPEN", True)
    assert "OPEN" in ask(system, "what does this say?", picture).choices[0].message.content
    jobs = {event["job_id"] for event in told(chunks) if event["type"] == "job_queued"}
    assert [job_of(system, job)["status"] for job in jobs] == ["done", "done"]
    again = system.client().images.generate(
        prompt='a red apple with the words "OPEN"', extra_body={"diptych": {"seed": 7, "steps": 8}}
    )
    assert base64.b64decode(again.data[0].b64_json) == picture


def test_a_page_becomes_its_text_character_for_character(system):
    answer = ask(system, "what does this say?", (FIXTURES / "page.png").read_bytes())
    assert (FIXTURES / "page.txt").read_text().rstrip("\n") in answer.choices[0].message.content
    assert answer.usage.prompt_tokens_details.image_tokens > 0


def test_the_same_seed_is_the_same_picture(system):
    artifacts = {told(stream(system, DRAW, seed=5, steps=4, fresh=True))[-1]["output"]["artifact"] for _ in range(2)}
    other = told(stream(system, DRAW, seed=6, steps=4))[-1]["output"]["artifact"]
    assert len(artifacts) == 1
    assert other not in artifacts


def test_a_picture_is_painted_and_edited_without_a_conversation(system):
    images = system.client().images
    painted = images.generate(prompt="a red apple", n=2, quality="low", extra_body={"diptych": {"seed": 3}})
    source = base64.b64decode(painted.data[0].b64_json)
    mask = Image.new("RGBA", (128, 128), "black")
    mask.paste((0, 0, 0, 0), (0, 0, 64, 128))
    out = io.BytesIO()
    mask.save(out, "PNG")

    stream = images.edit(image=source, mask=out.getvalue(), prompt="a dog", stream=True, partial_images=2)
    events = list(stream)

    assert [event.type for event in events] == 2 * ["image_edit.partial_image"] + ["image_edit.completed"]
    edited = Image.open(io.BytesIO(base64.b64decode(events[-1].b64_json))).convert("RGB")
    before = Image.open(io.BytesIO(source)).convert("RGB")
    right, left = (64, 0, 128, 128), (0, 0, 64, 128)
    assert edited.crop(right).tobytes() == before.crop(right).tobytes()
    assert edited.crop(left).tobytes() != before.crop(left).tobytes()


def test_small_talk_needs_no_worker(system):
    answer = ask(system, "hello").choices[0].message.content
    assert answer.strip()
    assert not LINK.search(answer)


def test_a_job_can_be_stopped_while_it_runs(system):
    chunks, events = stream(system, DRAW, steps=150), []
    for chunk in chunks:
        events += told([chunk])
        if events and events[-1]["type"] == "job_progress" and events[-1]["step"] == 3:
            job_id = events[-1]["job_id"]
            assert httpx.post(f"{system.url}/v1/jobs/{job_id}/cancel", timeout=30).status_code == 200
    assert events[-1]["type"] == "job_failed"
    assert events[-1]["error"]["code"] == "job_cancelled"
    assert max(event["step"] for event in events if event["type"] == "job_progress") < 150
    assert job_of(system, job_id)["status"] == "cancelled"


def test_leaving_is_not_cancelling(system):
    with stream(system, DRAW, steps=30) as chunks:
        event = next(event for chunk in chunks for event in told([chunk]) if event["type"] == "job_started")
    system.wait_until(lambda: job_of(system, event["job_id"])["status"] not in ("queued", "running"))
    assert job_of(system, event["job_id"])["status"] == "done"


def test_a_painter_killed_in_mid_step_paints_the_same_picture_after_all(system):
    undisturbed = told(stream(system, DRAW, seed=9, steps=60))[-1]["output"]["artifact"]
    events = []
    for chunk in stream(system, DRAW, seed=9, steps=60, fresh=True):
        events += told([chunk])
        if events and events[-1]["type"] == "job_progress" and events[-1]["step"] == 20 and events[-1]["attempt"] == 1:
            os.kill(system.pid("worker-diffusion"), signal.SIGKILL)
    assert events[-1]["type"] == "job_finished"
    assert events[-1]["output"]["artifact"] == undisturbed
    assert job_of(system, events[-1]["job_id"])["attempt"] == 2


@pytest.mark.parametrize("part", ["redis", "vlm", "worker-ocr", "orchestrator"])
def test_a_part_that_is_killed_comes_back_and_serves(system, part):
    victim = system.pid(part)
    os.kill(victim, signal.SIGKILL)
    system.wait_until(lambda: system.pid(part) not in (None, victim))
    system.wait_until_ready()
    answer = ask(system, "read this", top_of_the_page()).choices[0].message.content
    assert (FIXTURES / "page.txt").read_text().splitlines()[0] in answer


def top_of_the_page():
    """The first lines of the page, which are quick to read."""
    out = io.BytesIO()
    with Image.open(FIXTURES / "page.png") as page:
        page.crop((0, 0, page.width, 100)).save(out, "PNG")
    return out.getvalue()


def test_people_are_served_side_by_side(system):
    answers = []
    wishes = ["draw a red apple", "hello", "draw a dog on the beach", "thank you"]
    threads = [threading.Thread(target=lambda w=w: answers.append(ask(system, w))) for w in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answers) == len(wishes)
    assert sum(bool(LINK.search(a.choices[0].message.content)) for a in answers) == 2


@pytest.mark.parametrize(
    ("image", "options", "code"),
    [
        (b"no picture at all", {}, "unsupported_image_media_type"),
        (png(4, 4), {}, "image_too_small"),
        (None, {"extra_body": {"diptych": {"steps": 10_000}}}, "invalid_request"),
        (None, {"extra_body": {"diptych": {"seed": -1}}}, "invalid_request"),
    ],
)
def test_bad_input_is_a_clear_error_in_openais_client(system, image, options, code):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(system, DRAW, image, **options)
    assert raised.value.code == code
    assert raised.value.body["message"].endswith(".")


def test_a_size_beyond_the_painters_own_is_painted_small_and_enlarged(system):
    events = told(list(stream(system, DRAW, size="1024x512")))
    output = events[-1]["output"]
    assert (output["width"], output["height"]) == (1024, 512)
    assert output["native_width"] * output["native_height"] <= 128 * 192


def test_a_conversation_longer_than_the_model_is_refused(system):
    with pytest.raises(openai.BadRequestError) as raised:
        ask(system, "word " * 30_000)
    assert raised.value.code == "context_length_exceeded"
