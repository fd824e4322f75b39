"""`/v1/responses` with OpenAI's own client on the app in process, a scripted VLM and quick services."""

import base64
import io
import json

import openai
import pytest
from PIL import Image

from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from shared.errors import ContextTooLong, VlmUnavailable
from shared.events import JobPreview, JobProgress, Usage
from tests.conftest import ListSink, data_url, png
from workers.job_run import JobRunner

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
READ = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
WEATHER_CALL = VlmToolCall(call_id="c", name="get_weather", arguments='{"city": "Oslo"}')
FUNCTION = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
PAINT = {"type": "image_generation"}
FIELDS = """id object created_at completed_at status incomplete_details model previous_response_id instructions output
error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs
temperature reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier
prompt_cache_key"""


@pytest.fixture
def painting(ledger, performed):
    """A dispatcher whose painter shows each of its eight steps."""

    def perform(job):
        for step in range(1, 9):
            yield JobProgress(job_id=job.id, attempt=job.attempt, step=step, total=8)
            out = io.BytesIO()
            Image.new("RGB", (8, 8), (step * 20, 0, 0)).save(out, "JPEG")
            preview = base64.b64encode(out.getvalue()).decode()
            yield JobPreview(job_id=job.id, attempt=job.attempt, step=step, jpeg_base64=preview)
        yield from performed(job)

    return InProcessDispatcher(
        ledger, lambda job_id, emit: JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, perform)
    )


async def create(client, *messages, **body):
    return await client.responses.create(model="diptych", input=list(messages) or "hello", **body)


async def stream(client, **body):
    return [event async for event in await create(client, stream=True, **body)]


async def test_a_whole_response_has_every_field_of_the_standard(sdk_for):
    usage = Usage(prompt_tokens=9, completion_tokens=2, image_tokens=4)
    async with sdk_for([VlmText(text="Hi."), VlmEnd(usage=usage)]) as client:
        raw = await client.responses.with_raw_response.create(
            model="diptych", input="hello", metadata={"a": "b"}, temperature=0.5, tools=[FUNCTION]
        )
    body, response = raw.http_response.json(), raw.parse()
    assert set(FIELDS.split()) <= set(body)
    assert (response.status, response.output_text, response.usage.total_tokens) == ("completed", "Hi.", 11)
    assert (response.metadata, response.temperature, response.store) == ({"a": "b"}, 0.5, True)
    assert body["tools"] == [FUNCTION | {"description": None, "strict": None}]
    assert response.id.startswith("resp_")
    assert response.output[0].id.startswith("msg_")


async def test_a_stream_has_openais_order_and_the_sdk_can_put_it_together(sdk_for):
    async with sdk_for([VlmText(text="Hi "), VlmText(text="you.")]) as client:
        async with client.responses.stream(model="diptych", input="hello") as events:
            kinds = [event.type async for event in events]
            final = await events.get_final_response()
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert final.output_text == "Hi you."


async def test_events_are_numbered_named_and_end_with_done(sdk_for):
    async with sdk_for([VlmText(text="Hi.")]) as client:
        raw = await client.responses.with_raw_response.create(model="diptych", input="hello", stream=True)
        frames = (await raw.http_response.aread()).decode().split("\n\n")
    assert frames[-2:] == ["data: [DONE]", ""]
    for number, frame in enumerate(frames[:-2]):
        event, data = frame.split("\n")
        told = json.loads(data.removeprefix("data: "))
        assert (event, told["sequence_number"]) == (f"event: {told['type']}", number)


async def test_a_picture_that_was_asked_for_by_name_is_an_item_with_previews(sdk_for, painting, store):
    async with sdk_for([VlmText(text="Wait."), DRAW], [VlmText(text="Here.")], served_by=painting) as client:
        events = await stream(client, tools=[PAINT | {"partial_images": 3}])
    kinds = [event.type.removeprefix("response.") for event in events]
    call = "image_generation_call"
    assert kinds[kinds.index("output_item.done") + 1 :][:9] == [
        "output_item.added",
        f"{call}.in_progress",
        f"{call}.generating",
        *[f"{call}.partial_image"] * 3,
        f"{call}.completed",
        "output_item.done",
        "output_item.added",
    ]
    partial = [event for event in events if event.type.endswith("partial_image")]
    assert [event.partial_image_index for event in partial] == [0, 1, 2]
    pictures = [Image.open(io.BytesIO(base64.b64decode(event.partial_image_b64))) for event in partial]
    assert [picture.format for picture in pictures] == ["JPEG"] * 3
    assert partial[0].output_format == "jpeg"
    before, picture, after = events[-1].response.output
    assert (before.content[0].text, after.content[0].text) == ("Wait.", "Here.")
    assert picture.id.startswith("ig_")
    assert (picture.status, picture.size, picture.revised_prompt) == ("completed", "16x16", "a cat")
    assert Image.open(io.BytesIO(base64.b64decode(picture.result))).size == (16, 16)
    assert not hasattr(picture, "diptych")
    assert not hasattr(picture, "source")


async def test_a_picture_that_was_not_asked_for_by_name_is_a_link_and_nothing_else(sdk_for, painting):
    async with sdk_for([VlmText(text="Wait."), DRAW], [VlmText(text="Here.")], served_by=painting) as client:
        events = await stream(client)
    assert not [event.type for event in events if "image" in event.type or ":" in event.type]
    (message,) = events[-1].response.output
    before, link, after = message.content[0].text.split("\n\n")
    assert (before, after) == ("Wait.", "Here.")
    assert link.startswith("![a cat](http://127.0.0.1:8000/v1/artifacts/")
    assert events[-1].response.tools == []


async def test_nothing_is_set_into_a_text_that_must_be_json(sdk_for):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    async with sdk_for([DRAW], [VlmText(text='{"a": 1}')]) as client:
        response = await create(client, text=text)
    assert response.output_text == '{"a": 1}'
    assert response.text.format.schema_ == schema


@pytest.mark.parametrize(("wanted", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_the_format_that_was_asked_for_is_the_one_that_comes(sdk_for, wanted, kind):
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        response = await create(client, tools=[PAINT | {"output_format": wanted, "output_compression": 60}])
    assert response.output[0].output_format == wanted
    assert Image.open(io.BytesIO(base64.b64decode(response.output[0].result))).format == kind


async def test_the_tools_parameters_and_the_extension_reach_the_painter(sdk_for, ledger):
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        tool = PAINT | {"size": "256x192", "quality": "low", "model": "gpt-image-1"}
        events = await stream(client, tools=[tool], extra_body={"diptych": {"seed": 7}})
    job_id = next(event.job_id for event in events if event.type == "diptych:job_queued")
    work = ledger.get(job_id).input
    assert (work.width, work.height, work.fast, work.seed) == (256, 192, True, 7)
    picture = events[-1].response.output[0]
    assert (picture.quality, picture.diptych["seed"]) == ("low", 7)
    assert (picture.diptych["response_id"], picture.diptych["arguments"]["prompt"]) == (events[-1].response.id, "a cat")
    added = next(event.item for event in events if event.type == "response.output_item.added")
    assert added.diptych == {key: picture.diptych[key] for key in ("response_id", "arguments", "source")}
    assert {event.item_id for event in events if event.type.startswith("diptych:")} == {picture.id}


async def test_a_hosted_extension_shows_what_was_read(sdk_for):
    image = {"type": "input_image", "image_url": data_url(png())}
    async with sdk_for([READ], [VlmText(text="{{text_1:2}}")]) as client:
        ask = {"role": "user", "content": [image, {"type": "input_text", "text": "what does it say?"}]}
        body = {"model": "diptych", "input": [ask], "tools": [{"type": "diptych:read_text"}]}
        response = await client.post("/responses", body=body, cast_to=object)
    read, message = response["output"]
    assert (read["type"], read["status"], read["arguments"]) == (
        "diptych:read_text_call",
        "completed",
        {"image": "image_1"},
    )
    assert read["output"]["lines"][1]["text"] == "line 2"
    assert read["image_url"].startswith("http://127.0.0.1:8000/v1/artifacts/")
    assert message["content"][0]["text"].splitlines()[1] == "line 2"


async def test_a_function_goes_round_trip_by_previous_response_id(sdk_for):
    async with sdk_for([WEATHER_CALL], [VlmText(text="It rains.")]) as client:
        events = await stream(client, tools=[FUNCTION])
        call = events[-1].response.output[0]
        assert (call.type, call.name, call.arguments) == ("function_call", "get_weather", '{"city": "Oslo"}')
        assert "response.function_call_arguments.done" in [event.type for event in events]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
        last = await create(client, output, previous_response_id=events[-1].response.id, tools=[FUNCTION])
        told = client.house.vlm.asked[1][0][-2:]
    assert last.output_text == "It rains."
    assert told[0]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert told[1] == {"role": "tool", "tool_call_id": call.call_id, "content": "rain"}


async def test_a_function_goes_round_trip_without_anything_stored(sdk_for):
    async with sdk_for([WEATHER_CALL], [VlmText(text="It rains.")]) as client:
        first = await create(client, tools=[FUNCTION], store=False)
        call = first.output[0].to_dict()
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
        hello = {"role": "user", "content": "hello"}
        last = await create(client, hello, call, output, tools=[FUNCTION], store=False)
        assert last.output_text == "It rains."
        for response in (first, last):
            with pytest.raises(openai.NotFoundError):
                await client.responses.retrieve(response.id)


async def test_a_picture_of_an_earlier_turn_is_seen_in_the_next(sdk_for):
    async with sdk_for([DRAW], [VlmText(text="Here.")], *[[VlmText(text="A cat.")]] * 3) as client:
        first = await create(client, tools=[PAINT])
        ask = {"role": "user", "content": "what is it?"}
        picture = first.output[0]
        await create(client, ask, previous_response_id=first.id)
        await create(client, ask, {"type": "image_generation_call", "id": picture.id})
        await create(client, picture.to_dict() | {"id": "ig_of_another_server"}, ask)
        for messages, _ in client.house.vlm.asked[-3:]:
            assert [part["type"] for part in messages[-1]["content"]] == ["text", "image_url", "text"]
            assert messages[-1]["content"][0]["text"] == "image_1: "


async def test_instructions_are_for_one_turn(sdk_for):
    async with sdk_for([VlmText(text="Arr.")], [VlmText(text="Hi.")]) as client:
        first = await create(client, instructions="Be a pirate.")
        await create(client, previous_response_id=first.id)
        first_system, second_system = [messages[0]["content"] for messages, _ in client.house.vlm.asked]
    assert first_system.endswith("Be a pirate.")
    assert "pirate" not in second_system


async def test_the_choice_of_a_tool_reaches_the_vlm(sdk_for):
    choices = ["none", "required", {"type": "image_generation"}, {"type": "function", "name": "get_weather"}]
    async with sdk_for(*[[VlmText(text="x")]] * 4) as client:
        for choice in choices:
            await create(client, tools=[FUNCTION, PAINT], tool_choice=choice)
        offers = [offer for _, offer in client.house.vlm.asked]
    assert [bool(offer.tools) for offer in offers] == [False, True, True, True]
    assert [offer.choice for offer in offers[1:]] == ["required", "generate_image", "get_weather"]


async def test_only_allowed_tools_are_offered(sdk_for):
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_weather"}]}
    async with sdk_for([VlmText(text="x")]) as client:
        await create(client, tools=[FUNCTION, PAINT], tool_choice=allowed)
        (_, offer), *_ = client.house.vlm.asked
    assert [tool["function"]["name"] for tool in offer.tools] == ["get_weather"]


async def test_a_turn_that_fails_in_mid_stream_ends_with_response_failed(sdk_for):
    async with sdk_for([VlmText(text="Once"), VlmUnavailable("It stopped.")]) as client:
        events = await stream(client)
    assert [event.type for event in events[-2:]] == ["response.output_item.done", "response.failed"]
    failed = events[-1].response
    assert (failed.status, failed.error.code, failed.error.message) == ("failed", "server_error", "It stopped.")
    assert (failed.output[0].status, failed.output_text) == ("incomplete", "Once")


async def test_a_turn_that_fails_before_anything_was_sent_has_an_http_status(sdk_for):
    async with sdk_for([ContextTooLong("Too long.")]) as client:
        with pytest.raises(openai.BadRequestError) as raised:
            await create(client)
    assert raised.value.code == "context_length_exceeded"


async def test_a_conversation_that_is_too_long_is_truncated_where_that_was_asked_for(sdk_for):
    items = [{"role": "user", "content": str(number)} for number in range(8)]
    async with sdk_for([ContextTooLong("x")], [ContextTooLong("x")], [VlmText(text="ok")]) as client:
        assert (await create(client, *items, truncation="auto")).output_text == "ok"
        asked = [[message["content"] for message in messages[1:]] for messages, _ in client.house.vlm.asked]
    assert asked == [list("01234567"), list("4567"), list("67")]


async def test_an_answer_that_was_cut_for_its_length_is_incomplete(sdk_for):
    async with sdk_for([VlmText(text="On"), VlmEnd(finish_reason="length")]) as client:
        response = await create(client, max_output_tokens=1)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output[0].status == "incomplete"


async def test_a_failed_picture_is_a_failed_item(sdk_for, ledger):
    def broken(job):
        raise ValueError("/etc/secret")
        yield

    failing = InProcessDispatcher(
        ledger, lambda job_id, emit: JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, broken)
    )
    async with sdk_for([DRAW], [VlmText(text="Sorry.")], served_by=failing) as client:
        response = await create(client, tools=[PAINT])
    picture, message = response.output
    assert (picture.status, picture.result) == ("failed", None)
    assert "secret" not in picture.to_json()
    assert message.content[0].text == "Sorry."


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": []}, 400, None),
        ({"previous_response_id": "\0"}, 400, "previous_response_id"),
        ({"input": [{"type": "item_reference", "id": "a\0"}]}, 400, "input.0.item_reference.id"),
        ({"input": ""}, 400, None),
        ({"input": [{"role": "user", "content": " "}]}, 400, "input"),
        ({"input": [{"type": "web_search_call", "id": "x"}]}, 400, "input.0"),
        ({"input": [{"type": {}, "id": "x"}]}, 400, "input.0.item_reference.type"),
        ({"input": [{"role": {}, "content": "x"}]}, 400, "input.0"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, 400, None),
        ({"input": [{"type": "item_reference", "id": "msg_none"}]}, 404, None),
        ({"input": [{"type": "image_generation_call", "id": "ig_none"}]}, 404, None),
        ({"input": [{"type": "image_generation_call", "id": "ig_none", "result": "!"}]}, 400, "input"),
        ({"model": "gpt-9"}, 404, "model"),
        ({"previous_response_id": "resp_none"}, 400, "previous_response_id"),
        ({"max_output_tokens": 10**30}, 400, "max_output_tokens"),
        ({"conversation": "conv_1"}, 404, "conversation"),
        ({"prompt": {"id": "p"}}, 400, None),
        ({"background": True, "store": False}, 400, None),
        ({"tools": [{"type": "web_search"}]}, 400, "tools.0"),
        ({"tools": [FUNCTION, FUNCTION]}, 400, None),
        ({"tools": [PAINT | {"background": "transparent"}]}, 400, "tools.0.image_generation"),
        ({"tools": [PAINT | {"model": "dall-e-9"}]}, 404, "tools"),
        ({"tools": [PAINT | {"size": "9x9"}]}, 400, "tools.0.image_generation.size"),
        ({"tools": [PAINT | {"partial_images": 4}]}, 400, "tools.0.image_generation.partial_images"),
        ({"tool_choice": {"type": "function", "name": "f"}}, 400, None),
        ({"metadata": {"a": 1}}, 400, "metadata.a"),
        ({"temperature": 3}, 400, "temperature"),
        ({"diptych": {"steps": 0}}, 400, "diptych.steps"),
    ],
)
async def test_bad_input_is_refused_with_a_sentence_and_nothing_is_asked(sdk_for, body, status, param):
    async with sdk_for([VlmText(text="never")]) as client:
        with pytest.raises(openai.APIStatusError) as raised:
            await client.post("/responses", body={"model": "diptych", "input": "hello"} | body, cast_to=object)
        assert client.house.vlm.asked == []
    assert (raised.value.status_code, raised.value.param) == (status, param)
    assert raised.value.body["message"].endswith(".")


async def test_half_a_character_is_refused_wherever_it_stands(sdk_for):
    bodies = (
        '"input": "\\ud800"',
        '"input": [{"role": "user", "id": "\\ud800", "content": "x"}]',
        '"input": [{"type": "compaction", "encrypted_content": "\\ud800"}]',
        '"input": [{"type": "function_call_output", "call_id": "\\ud800", "output": "x"}]',
        '"input": "x", "previous_response_id": "\\ud800"',
        '"input": "x", "reasoning": {"effort": "\\ud800"}',
        '"input": "x", "metadata": {"\\ud800": "x"}',
        '"input": "x", "model": "\\ud800"',
    )
    async with sdk_for() as client:
        url, kind = f"{client.base_url}responses", {"content-type": "application/json"}
        for body in bodies:
            answer = await client._client.post(url, content=f'{{"model": "diptych", {body}}}', headers=kind)
            assert answer.status_code in (400, 404), (body, answer.text)
        assert client.house.vlm.asked == []


async def test_a_call_without_its_output_is_refused(sdk_for):
    async with sdk_for([WEATHER_CALL]) as client:
        first = await create(client, tools=[FUNCTION])
        with pytest.raises(openai.BadRequestError, match="No tool output found"):
            await create(client, previous_response_id=first.id)
