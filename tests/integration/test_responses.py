"""The Responses API of the real system, through OpenAI's own client: pictures as they form, cuts, cancels, memory."""

import base64
import io
import json
import os
import random
import signal

import httpx
import pytest
import websockets.sync.client
from PIL import Image

from shared.provenance import read_provenance
from tests.conftest import data_url, png

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
DRAW = "draw an orange cat in a cardboard box"
PAINT = {"type": "image_generation"}
CUTS = 20
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city."}},
        "required": ["location"],
    },
}


def create(system, text, **body):
    return system.client().responses.create(model="diptych", input=text, **body)


def picture_of(response):
    (call,) = [item for item in response.output if item.type == "image_generation_call"]
    return base64.b64decode(call.result)


def replay(system, response_id, after=-1):
    params = {"stream": "true", "starting_after": after}
    return httpx.get(f"{system.url}/v1/responses/{response_id}", params=params, timeout=110).content


def test_a_picture_is_watched_as_it_forms_and_changed_in_the_next_turn(system):
    options = {"diptych": {"seed": 11, "steps": 12, "fresh": True}}
    with system.client().responses.stream(
        model="diptych", input=DRAW, tools=[PAINT | {"partial_images": 2}], extra_body=options
    ) as stream:
        events = list(stream)
        first = stream.get_final_response()
    partial = [event for event in events if event.type == "response.image_generation_call.partial_image"]
    assert [event.partial_image_index for event in partial] == [0, 1]
    assert len({event.partial_image_b64 for event in partial}) == 2
    assert all(Image.open(io.BytesIO(base64.b64decode(event.partial_image_b64))).format == "JPEG" for event in partial)
    record = read_provenance(picture_of(first))
    assert (record.prompt, record.seed, record.steps) == ("an orange cat in a cardboard box", 11, 12)

    second = create(
        system,
        "make it night",
        previous_response_id=first.id,
        tools=[PAINT | {"action": "edit"}],
        tool_choice=PAINT,
        extra_body=options,
    )
    (call,) = [item for item in second.output if item.type == "image_generation_call"]
    assert (call.status, call.action) == ("completed", "edit")
    assert picture_of(second) != picture_of(first)


def test_chat_and_responses_paint_the_same_picture(system):
    body = {"extra_body": {"diptych": {"seed": 5, "steps": 4}}}
    response = create(system, DRAW, tools=[PAINT], **body)
    messages = [{"role": "user", "content": DRAW}]
    chat = system.client().chat.completions.create(model="diptych", messages=messages, **body)
    link = chat.choices[0].message.images[0]["image_url"]["url"]
    assert httpx.get(link, timeout=30).content == picture_of(response)


def test_a_strict_client_sees_text_only(system):
    with system.client().responses.stream(model="diptych", input=DRAW) as stream:
        events = list(stream)
    assert not [event.type for event in events if "image" in event.type or ":" in event.type]
    assert [item.type for item in events[-1].response.output] == ["message"]
    assert "![" in events[-1].response.output_text


def test_a_function_goes_round_trip(system):
    first = create(
        system, "what is the weather in Oslo?", tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}
    )
    (call,) = first.output
    assert (call.type, call.name) == ("function_call", "get_weather")
    assert json.loads(call.arguments)["location"]
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain, 9 degrees"}
    last = create(system, [output], previous_response_id=first.id, tools=[WEATHER])
    assert last.status == "completed"
    assert last.output_text.strip()


def test_streams_cut_at_any_byte_while_they_run_are_completed_by_resuming(system):
    """Whole frames before the cut, and what follows by `starting_after`, equal a replay from the start."""
    body = {"model": "diptych", "input": DRAW, "stream": True, "tools": [PAINT | {"partial_images": 3}]}
    body["diptych"] = {"steps": 6}
    dice = random.Random(3)
    for _ in range(CUTS):
        cut, seen = dice.randrange(200, 12_000), b""
        with httpx.stream("POST", f"{system.url}/v1/responses", json=body, timeout=110) as live:
            for piece in live.iter_raw():
                seen += piece
                if len(seen) >= cut:
                    break
        frames = seen[: max(cut, seen.find(b"\n\n") + 2)].split(b"\n\n")[:-1]
        told = [json.loads(frame.partition(b"data: ")[2]) for frame in frames]
        response_id = told[0]["response"]["id"]
        rest = replay(system, response_id, told[-1]["sequence_number"])
        assert b"".join(frame + b"\n\n" for frame in frames) + rest == replay(system, response_id)
        assert rest.endswith(b"data: [DONE]\n\n")


def test_a_background_response_is_cancelled_with_its_job(system):
    stream = create(
        system,
        DRAW,
        background=True,
        stream=True,
        tools=[PAINT],
        extra_body={"diptych": {"steps": 150}},
    )
    for event in stream:
        if event.type == "response.created":
            response_id = event.response.id
        if event.type == "diptych:job_progress" and event.step == 3:
            job_id = event.job_id
            break
    for _ in range(2):
        cancelled = system.client().responses.cancel(response_id)
        assert cancelled.status == "cancelled"
    assert cancelled.output[0].status == "failed"
    job = f"{system.url}/v1/jobs/{job_id}"
    system.wait_until(lambda: httpx.get(job, timeout=30).json()["status"] == "cancelled", 30)
    assert system.client().responses.retrieve(response_id).status == "cancelled"


def test_a_conversation_is_counted_shortened_and_goes_on(system):
    image = {"type": "input_image", "image_url": data_url(png(64, 64))}
    ask = [{"role": "user", "content": [image, {"type": "input_text", "text": "what is in it?"}]}]
    client = system.client()
    with_picture = client.responses.input_tokens.count(model="diptych", input=ask).input_tokens
    without = client.responses.input_tokens.count(model="diptych", input="what is in it?").input_tokens
    assert with_picture > without > 0
    first = create(system, ask)
    assert first.usage.input_tokens >= with_picture
    (compaction,) = client.responses.compact(model="diptych", previous_response_id=first.id).output
    go_on = [compaction.to_dict(), {"role": "user", "content": "thank you"}]
    assert client.responses.input_tokens.count(model="diptych", input=go_on).input_tokens < with_picture + without
    assert create(system, go_on).status == "completed"


def test_turns_over_a_websocket_go_on_without_being_stored(system):
    url = system.url.replace("http", "ws", 1) + "/v1/responses"
    with websockets.sync.client.connect(url, proxy=None) as socket:
        previous = None
        for text in (DRAW, "thank you"):
            body = {"type": "response.create", "model": "diptych", "store": False, "input": text, "tools": [PAINT]}
            socket.send(json.dumps(body | {"previous_response_id": previous}))
            while (event := json.loads(socket.recv(timeout=60)))["type"] != "response.completed":
                assert event["type"] != "error", event
            previous = event["response"]["id"]


def kill_orchestrator(system):
    """SIGKILL it, and wait until it is back."""
    victim = system.pid("orchestrator")
    os.kill(victim, signal.SIGKILL)
    system.wait_until(lambda: system.pid("orchestrator") not in (None, victim))
    system.wait_until_ready()


def frames_of(text):
    """The whole frames of a stream, and their events."""
    whole = text[: text.rfind("\n\n") + 2]
    events = [json.loads(frame.partition("data: ")[2]) for frame in whole.split("\n\n")[:-1] if '"type"' in frame]
    return whole, events


def test_a_response_whose_orchestrator_is_killed_is_gone_on_with_and_its_stream_taken_up(system):
    body = {"model": "diptych", "input": DRAW, "stream": True, "tools": [PAINT], "diptych": {"steps": 150}}
    seen = ""
    with httpx.stream("POST", f"{system.url}/v1/responses", json=body, timeout=110) as live:
        frames = live.iter_text()
        while "diptych:job_progress" not in seen:
            seen += next(frames)
        before, events = frames_of(seen)
        response_id = events[0]["response"]["id"]
        kill_orchestrator(system)
    last = events[-1]["sequence_number"]
    url = f"{system.url}/v1/responses/{response_id}?stream=true"
    after = httpx.get(f"{url}&starting_after={last}", timeout=110).text
    rest = frames_of(after)[1]
    assert [event["sequence_number"] for event in rest] == list(range(last + 1, last + 1 + len(rest)))
    assert rest[-1]["type"] == "response.completed"
    (picture,) = (item for item in rest[-1]["response"]["output"] if item["type"] == "image_generation_call")
    assert picture["result"]
    jobs = {event["job_id"] for event in [*events, *rest] if event["type"].startswith("diptych:job")}
    assert len(jobs) == 1
    assert httpx.get(url, timeout=110).text == before + after
