"""`/v1/chat/completions` and its neighbours over HTTP in process, with a scripted VLM and quick services."""

import json
import re

import pytest

from orchestrator.vlm.client import Sampling, VlmEnd, VlmText, VlmToolCall
from shared.errors import VlmRefused, VlmUnavailable, WorkerUnavailable
from shared.events import Usage
from shared.jobs import GenerateImage, new_job
from tests.conftest import data_url, png

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
JSON = {"content-type": "application/json"}
HELLO = {"role": "user", "content": "hello"}
FUNCTION = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
OUTPUT = {"role": "tool", "tool_call_id": "call_1", "content": "rain"}


def named(name):
    return {"type": "function", "function": {"name": name}}


async def chat(client, *messages, **body):
    return await client.post("/v1/chat/completions", json={"model": "diptych", "messages": list(messages)} | body)


def frames(response):
    return [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]


async def test_a_whole_answer_has_openais_shape(client_for):
    usage = Usage(prompt_tokens=9, completion_tokens=2, image_tokens=4)
    async with client_for([VlmText(text="Hi."), VlmEnd(usage=usage)]) as client:
        answer = (await chat(client, HELLO)).json()
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hi.", "refusal": None}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == 11
    assert answer["usage"]["prompt_tokens_details"]["image_tokens"] == 4


async def test_a_stream_gives_the_same_text_and_its_usage_when_asked(client_for):
    async with client_for([VlmText(text="Hi "), VlmText(text="you.")]) as client:
        response = await chat(client, HELLO, stream=True, stream_options={"include_usage": True})
    chunks = frames(response)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "Hi you."
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"]["total_tokens"] == 0
    assert all(c["usage"] is None for c in chunks[:-1])
    assert response.text.endswith("data: [DONE]\n\n")


async def test_a_picture_is_a_link_that_opens_without_a_key(client_for):
    async with client_for([DRAW], [VlmText(text="Here.")], api_key="k", host="0.0.0.0") as client:
        client.headers["authorization"] = "Bearer k"
        message = (await chat(client, HELLO)).json()["choices"][0]["message"]
        link = re.search(r"!\[a cat\]\((\S+)\)", message["content"])[1]
        assert message["images"] == [{"type": "image_url", "image_url": {"url": link}}]
        del client.headers["authorization"]
        picture = await client.get(link)
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        refused = await client.get(link.split("?")[0])
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "invalid_link")
        assert (await client.get(link[:-3])).status_code == 403


async def test_only_a_request_with_the_extension_sees_what_workers_do(client_for):
    for body, seen in (({}, False), ({"diptych": {"seed": 3}}, True)):
        async with client_for([DRAW], [VlmText(text="Here.")]) as client:
            chunks = frames(await chat(client, HELLO, stream=True, **body))
        kinds = [chunk["diptych"]["type"] for chunk in chunks if "diptych" in chunk]
        assert kinds == (["tool_called", "job_queued", "job_started", "job_finished"] if seen else [])
        assert any("images" in chunk["choices"][0]["delta"] for chunk in chunks)


async def test_our_own_link_in_an_earlier_answer_is_that_picture_again(client_for):
    async with client_for([DRAW], [VlmText(text="Here.")], [VlmText(text="A cat.")]) as client:
        first = (await chat(client, HELLO)).json()["choices"][0]["message"]
        earlier = {"role": "assistant", "content": first["content"]}
        await chat(client, HELLO, earlier, {"role": "user", "content": "what is it?"})
        messages = client.vlm.asked[-1][0]
    assert messages[2]["content"].startswith("[image_1]")
    assert [part["type"] for part in messages[3]["content"]] == ["text", "image_url", "text"]


async def test_somebody_elses_link_stays_text(client_for):
    foreign = {"role": "assistant", "content": "![x](https://example.com/a.png)"}
    async with client_for([VlmText(text="ok")]) as client:
        await chat(client, HELLO, foreign, HELLO)
        assert client.vlm.asked[0][0][2]["content"] == foreign["content"]


async def test_the_same_upload_is_one_picture(client_for):
    image = {"type": "image_url", "image_url": {"url": data_url(png())}}
    message = {"role": "user", "content": [image, {"type": "text", "text": "and"}, image]}
    async with client_for([VlmText(text="ok")]) as client:
        assert (await chat(client, message)).status_code == 200
        texts = [part["text"] for part in client.vlm.asked[0][0][1]["content"] if part["type"] == "text"]
    assert texts == ["image_1: ", "and", "image_1: "]


def image_message(url):
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found"),
        ({"messages": []}, 400, "invalid_request"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "invalid_request"),
        ({"messages": [{"role": "user", "content": "  "}]}, 400, "invalid_request"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "invalid_request"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "invalid_request"),
        ({"messages": "hello"}, 400, "invalid_request"),
        ({"stream": "yes"}, 400, "invalid_request"),
        ({"response_format": {"type": "xml"}}, 400, "invalid_request"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, 400, "invalid_request"),
        ({"n": 0}, 400, "invalid_request"),
        ({"n": 9}, 400, "invalid_request"),
        ({"logprobs": True}, 400, "invalid_request"),
        ({"store": True}, 400, "invalid_request"),
        ({"logit_bias": {"1": 5}}, 400, "invalid_request"),
        ({"functions": [{"name": "f"}]}, 400, "invalid_request"),
        ({"metadata": {"a": 1}}, 400, "invalid_request"),
        ({"seed": 2**63}, 400, "invalid_request"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "invalid_request"),
        ({"messages": [{"role": "user", "content": "half \ud800 a character"}]}, 400, "invalid_request"),
        ({"tools": [FUNCTION, FUNCTION]}, 400, "invalid_request"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, 400, "invalid_request"),
        ({"tools": [FUNCTION], "tool_choice": named("other")}, 400, "invalid_request"),
        ({"tool_choice": "required"}, 400, "invalid_request"),
        ({"messages": [HELLO, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, 400, "invalid_request"),
        ({"messages": [HELLO, CALLED, HELLO]}, 400, "invalid_request"),
        ({"messages": [HELLO, CALLED]}, 400, "invalid_request"),
        ({"messages": [HELLO, CALLED, OUTPUT, OUTPUT]}, 400, "invalid_request"),
        ({"temperature": 9}, 400, "invalid_request"),
        ({"max_tokens": 0}, 400, "invalid_request"),
        ({"diptych": {"seed": -1}}, 400, "invalid_request"),
        ({"diptych": {"seed": 2**32}}, 400, "invalid_request"),
        ({"diptych": {"seed": True}}, 400, "invalid_request"),
        ({"diptych": {"steps": 0}}, 400, "invalid_request"),
        ({"diptych": {"fast": True, "steps": 9}}, 400, "invalid_request"),
        ({"diptych": {"fast": True, "guidance": 2.5}}, 400, "invalid_request"),
        ({"diptych": {"steps": 10_000}}, 400, "invalid_request"),
        ({"diptych": {"size": "big"}}, 400, "invalid_request"),
        ({"diptych": {"size": "32x32"}}, 400, "invalid_request"),
        ({"diptych": {"sede": 1}}, 400, "invalid_request"),
        ({"messages": [image_message("https://example.com/a.png")]}, 400, "invalid_image_url"),
        ({"messages": [image_message("data:image/png;base64,!!")]}, 400, "invalid_base64_image"),
        ({"messages": [image_message(data_url(b"no picture"))]}, 400, "unsupported_image_media_type"),
        ({"messages": [image_message(data_url(png(), "image/jpeg"))]}, 400, "invalid_image_format"),
        ({"messages": [image_message(data_url(png()[:50]))]}, 400, "invalid_image"),
        ({"messages": [image_message(data_url(png(8, 200)))]}, 400, "invalid_image_aspect"),
    ],
)
async def test_bad_input_is_refused_with_a_sentence_and_nothing_is_asked(client_for, body, status, code):
    async with client_for([VlmText(text="never")]) as client:
        whole = json.dumps({"model": "diptych", "messages": [HELLO]} | body)
        response = await client.post("/v1/chat/completions", content=whole, headers=JSON)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (status, code)
        assert error["type"] == "invalid_request_error"
        assert error["message"].endswith(".")
        assert client.vlm.asked == []


async def test_a_body_that_is_not_json_is_refused(client_for):
    async with client_for() as client:
        for content in (b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"messages":' + b"[" * 100_000):
            response = await client.post("/v1/chat/completions", content=content, headers=JSON)
            assert response.status_code == 400, content
            assert response.json()["error"]["code"] == "invalid_request"


async def test_a_huge_body_is_refused(client_for):
    async with client_for(max_body_mb=1) as client:
        response = await chat(client, {"role": "user", "content": "x" * 2_000_000})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status"), [(VlmUnavailable("gone"), 502), (WorkerUnavailable("none"), 503), (ValueError("/etc/x"), 500)]
)
async def test_a_turn_that_fails_before_its_first_byte_has_an_http_status(client_for, stream, error, status):
    async with client_for([error]) as client:
        response = await chat(client, HELLO, stream=stream)
    assert response.status_code == status
    assert "/etc" not in response.text
    assert response.json()["error"]["type"] == "server_error"


async def test_a_turn_that_fails_later_ends_its_stream_with_the_error(client_for):
    async with client_for([VlmText(text="Once"), VlmUnavailable("It stopped.")]) as client:
        response = await chat(client, HELLO, stream=True)
    assert response.status_code == 200
    assert frames(response)[-1]["error"]["message"] == "It stopped."
    assert response.text.endswith("data: [DONE]\n\n")


async def test_without_the_key_nothing_is_served(client_for):
    async with client_for([VlmText(text="x")], api_key="k") as client:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "k"}, {"x-api-key": "k"}):
            for path in ("/v1/models", "/v1/jobs/x"):
                response = await client.get(path, headers=headers)
                assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")
            response = await client.post("/v1/chat/completions", json={}, headers=headers)
            assert response.status_code in (400, 401)
        assert (await client.get("/v1/models", headers={"authorization": "Bearer k"})).status_code == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_a_page_of_another_site_cannot_reach_a_loopback_server(client_for):
    async with client_for() as client:
        refused = await client.get("/v1/models", headers={"host": "evil.example"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_host")
        simple = {"content-type": "text/plain"}  # what a form may send across sites without asking
        body = json.dumps({"model": "diptych", "messages": [HELLO]})
        assert (await client.post("/v1/chat/completions", content=body, headers=simple)).status_code == 400
        assert client.vlm.asked == []


async def test_jobs_can_be_looked_at_and_a_finished_one_not_cancelled(client_for):
    async with client_for([DRAW], [VlmText(text="Here.")]) as client:
        chunks = frames(await chat(client, HELLO, stream=True, diptych={}))
        job_id = next(c["diptych"]["job_id"] for c in chunks if c.get("diptych", {}).get("type") == "job_queued")
        job = (await client.get(f"/v1/jobs/{job_id}")).json()
        assert (job["status"], job["attempt"], job["input"]["prompt"]) == ("done", 1, "a cat")
        assert (await client.get(job["url"])).content.startswith(b"\x89PNG")
        again = await client.post(f"/v1/jobs/{job_id}/cancel")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
        assert (await client.get("/v1/jobs/job_none")).status_code == 404


async def test_somebody_elses_job_is_not_found(client_for, ledger):
    job = new_job(GenerateImage(prompt="a", seed=1), owner="somebody", seconds=60)
    ledger.submit(job)
    async with client_for() as client:
        assert (await client.get(f"/v1/jobs/{job.id}")).status_code == 404
        assert (await client.post(f"/v1/jobs/{job.id}/cancel")).status_code == 404


@pytest.mark.parametrize("address", ["/v1/jobs/a%00b", "/v1/models?x=%00", "/v1/files?after=a%00"])
async def test_an_address_with_a_nul_character_is_refused_before_any_database_sees_it(client_for, address):
    async with client_for() as client:
        refused = await client.get(address)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


async def test_models_are_listed_and_each_can_be_asked_for(client_for):
    async with client_for() as client:
        (listed,) = (await client.get("/v1/models")).json()["data"]
        assert (listed["id"], listed["object"]) == ("diptych", "model")
        assert (await client.get("/v1/models/diptych")).json() == listed
        unknown = await client.get("/v1/models/gpt-9")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


async def test_unknown_addresses_have_the_error_shape_too(client_for):
    async with client_for() as client:
        assert (await client.get("/v1/nothing")).json()["error"]["code"] == "not_found"
        refused = await client.get("/v1/chat/completions")
        assert (refused.json()["error"]["code"], refused.headers["allow"]) == ("method_not_allowed", "POST")


WEATHER_CALL = VlmToolCall(call_id="c", name="get_weather", arguments='{"city": "Oslo"}')


async def test_a_function_of_the_clients_goes_round_trip(client_for):
    async with client_for([WEATHER_CALL], [VlmText(text="It rains.")]) as client:
        first = (await chat(client, HELLO, tools=[FUNCTION])).json()["choices"][0]
        assert first["finish_reason"] == "tool_calls"
        assert first["message"]["content"] is None
        (called,) = first["message"]["tool_calls"]
        assert called["function"] == {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
        output = {"role": "tool", "tool_call_id": called["id"], "content": "rain"}
        second = (await chat(client, HELLO, first["message"], output, tools=[FUNCTION])).json()["choices"][0]
        assert (second["message"]["content"], second["finish_reason"]) == ("It rains.", "stop")
        told = client.vlm.asked[1][0][-2:]
    assert told[0]["tool_calls"][0]["function"] == called["function"]
    assert told[1] == {"role": "tool", "tool_call_id": called["id"], "content": "rain"}


async def test_a_streamed_function_call_has_openais_shape(client_for):
    async with client_for([VlmText(text="Let me see."), WEATHER_CALL]) as client:
        response = await chat(client, HELLO, tools=[FUNCTION], stream=True)
    deltas = [frame["choices"][0] for frame in frames(response)]
    (call,) = [call for choice in deltas for call in choice["delta"].get("tool_calls", ())]
    assert (call["index"], call["type"], call["function"]["name"]) == (0, "function", "get_weather")
    assert deltas[-1]["finish_reason"] == "tool_calls"
    assert "".join(choice["delta"].get("content", "") for choice in deltas) == "Let me see.\n\n"


async def test_a_schema_that_is_not_json_is_refused(client_for):
    function = '{"type": "function", "function": {"name": "f", "parameters": {"minimum": NaN}}}'
    body = f'{{"model": "diptych", "messages": [{json.dumps(HELLO)}], "tools": [{function}]}}'
    async with client_for([]) as client:
        answer = await client.post("/v1/chat/completions", content=body, headers=JSON)
    assert answer.status_code == 400


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
AS_JSON = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_must_be_json_holds_nothing_else(client_for, stream):
    """Pictures are beside it, and exact text in it is written as JSON writes it."""
    read = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
    answer = [VlmText(text='{"a": "{{text'), VlmText(text='_1:1-2}}"}')]
    question = image_message(data_url(png()))
    async with client_for([DRAW, read], answer) as client:
        response = await chat(client, question, response_format=AS_JSON, stream=stream)
        assert client.vlm.asked[0][1].tools
        assert [sampling.response_format for sampling in client.vlm.sampled] == [AS_JSON, AS_JSON]
    if stream:
        deltas = [frame["choices"][0]["delta"] for frame in frames(response)]
        content, images = (
            "".join(d.get("content", "") for d in deltas),
            [i for d in deltas for i in d.get("images", ())],
        )
    else:
        message = response.json()["choices"][0]["message"]
        content, images = message["content"], message["images"]
    assert json.loads(content) == {"a": "line 1\nline 2"}
    assert len(images) == 1


async def test_how_to_sample_reaches_the_vlm(client_for):
    wanted = {"temperature": 0.5, "top_p": 0.9, "frequency_penalty": 0.3, "presence_penalty": -1.0, "seed": 3}
    async with client_for([VlmText(text="Hi.")]) as client:
        await chat(client, HELLO, stop="x", max_completion_tokens=9, **wanted)
        assert client.vlm.sampled == [Sampling(**wanted, stop=("x",), max_tokens=9)]


async def test_a_format_that_is_text_is_no_format(client_for):
    async with client_for([VlmText(text="Hi.")]) as client:
        await chat(client, HELLO, response_format={"type": "text"})
        assert client.vlm.sampled[0].response_format is None


@pytest.mark.parametrize(("param", "tools"), [("response_format", []), ("response_format", [FUNCTION]), (None, [])])
async def test_a_schema_that_the_vlms_server_refuses_is_the_clients_to_change(client_for, param, tools):
    async with client_for([VlmRefused("no", param=param)]) as client:
        refused = await chat(client, HELLO, response_format=AS_JSON, tools=tools)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")
    assert "schema" in refused.json()["error"]["message"]


async def test_fields_that_change_nothing_may_be_sent_as_clients_send_them(client_for):
    fields = {"user": "u", "metadata": {"a": "b"}, "store": False, "logprobs": None, "n": None, "stream": None}
    async with client_for([VlmText(text="Hi.")]) as client:
        answer = await chat(client, HELLO, tools=None, stop=None, logit_bias={}, service_tier="auto", **fields)
    assert answer.status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_several_choices_are_turns_of_their_own(client_for, stream):
    """Each has its own tools and seeds, and the usage is that of all."""
    usage = Usage(prompt_tokens=9, completion_tokens=2, image_tokens=4, cached_tokens=3)
    answers = [[DRAW], [DRAW], *[[VlmText(text="Here."), VlmEnd(usage=usage)]] * 2]
    body = {"n": 2, "seed": 2**63 - 1, "diptych": {"seed": 7}, "stream": stream}
    async with client_for(*answers) as client:
        response = await chat(client, HELLO, stream_options={"include_usage": True}, **body)
        assert sorted(sampling.seed for sampling in client.vlm.sampled) == [0, 0, 2**63 - 1, 2**63 - 1]
    if stream:
        chunks = frames(response)
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        contents = ["".join(c["delta"].get("content", "") for c in choices if c["index"] == index) for index in (0, 1)]
        assert [next(c["delta"].get("role") for c in choices if c["index"] == index) for index in (0, 1)] == [
            "assistant"
        ] * 2
        assert sorted(c["index"] for c in choices if c["finish_reason"] == "stop") == [0, 1]
        seeds = [c["diptych"]["output"]["seed"] for c in chunks if c.get("diptych", {}).get("type") == "job_finished"]
        assert sorted(seeds) == [7, 8]
        counted = chunks[-1]["usage"]
    else:
        whole = response.json()
        assert [choice["index"] for choice in whole["choices"]] == [0, 1]
        contents, counted = [choice["message"]["content"] for choice in whole["choices"]], whole["usage"]
    assert all(content.startswith("![a cat](") and content.endswith("Here.") for content in contents)
    assert (counted["prompt_tokens"], counted["completion_tokens"], counted["total_tokens"]) == (18, 4, 22)
    assert counted["prompt_tokens_details"] == {"image_tokens": 8, "cached_tokens": 6}


@pytest.mark.parametrize("stream", [False, True])
async def test_one_choice_that_fails_fails_the_answer(client_for, stream):
    async with client_for([VlmText(text="Hi.")], [VlmUnavailable("It is gone.")]) as client:
        response = await chat(client, HELLO, n=2, stream=stream)
    assert "It is gone." in response.text
    assert response.status_code == 502 or (stream and frames(response)[-1]["error"]["code"] == "vlm_unavailable")
