"""The HTTP face, over real sockets, by an ordinary client and by OpenAI's."""

import contextlib
import json
import socket
import threading
import time

import httpx
import openai
import pytest
import uvicorn

from services.vlm.metrics import ServerMetrics
from services.vlm.server import create_app
from services.vlm.settings import VlmSettings

MESSAGES = [{"role": "user", "content": "draw a cat"}]


@contextlib.contextmanager
def serving(engine, **settings):
    """The server in a thread; gives its base URL."""
    app = create_app(engine, VlmSettings(vlm_model="unused", **settings), ServerMetrics())
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()


@pytest.fixture(scope="module")
def url(engine):
    with serving(engine, vlm_max_body_mib=1) as base:
        yield base


@pytest.fixture
def http(url):
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def client(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
def tools(make_tool):
    paint = make_tool("paint", {"prompt": {"type": "string", "maxLength": 20}, "size": {"enum": [1, 2]}})
    return [paint, make_tool("stop", {})]


def test_health_and_models(http):
    assert http.get("/healthz").status_code == 200
    (model,) = http.get("/v1/models").json()["data"]
    assert (model["id"], model["object"], model["max_model_len"]) == ("tiny", "model", 1024)


def test_a_plain_answer_has_the_standard_shape(client):
    answer = client.chat.completions.create(model="tiny", messages=MESSAGES, seed=1, max_tokens=12, temperature=1)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None
    assert answer.usage.completion_tokens <= 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert answer.usage.prompt_tokens_details.image_tokens == 0


def streamed(client, **fields):
    text, calls, finish, usage = "", {}, None, None
    for chunk in client.chat.completions.create(
        model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **fields
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            assert finish is None
            finish = choice.finish_reason
            text += choice.delta.content or ""
            for call in choice.delta.tool_calls or []:
                assert call.id.startswith("call_")
                calls[call.index] = (call.function.name, call.function.arguments)
    return text, [calls[index] for index in sorted(calls)], finish, usage


@pytest.mark.parametrize("choice", ["auto", "required", "none"])
def test_streaming_gives_what_not_streaming_gives(client, tools, choice):
    for seed in range(3):
        fields = {"tools": tools, "tool_choice": choice, "seed": seed, "temperature": 1, "max_tokens": 120}
        text, calls, finish, usage = streamed(client, **fields)
        whole = client.chat.completions.create(model="tiny", messages=MESSAGES, **fields)
        message = whole.choices[0].message
        assert text == (message.content or "")
        assert calls == [(call.function.name, call.function.arguments) for call in message.tool_calls or []]
        assert finish == whole.choices[0].finish_reason
        assert usage == whole.usage
        for _, arguments in calls:
            json.loads(arguments)


def test_usage_comes_in_the_stream_only_where_it_is_asked_for(http):
    body = {"model": "tiny", "messages": MESSAGES, "stream": True, "max_tokens": 3}
    lines = [line for line in http.post("/v1/chat/completions", json=body).text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    assert all("usage" not in json.loads(line.removeprefix("data: ")) for line in lines[:-1])


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found"),
        ({"messages": "hello"}, 400, "invalid_request"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, 400, "context_length_exceeded"),
        ({"max_tokens": 5000}, 400, "context_length_exceeded"),
        ({"n": 3}, 400, "invalid_request"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/y"}}]}]},
            400,
            "invalid_image_url",
        ),
        ({"padding": "x" * 2**20}, 413, "request_too_large"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_bad_requests_are_refused_in_openais_shape(http, fields, status, code, stream):
    body = {"model": "tiny", "messages": MESSAGES, "stream": stream, **fields}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert "/" not in error["message"].replace("data:image/png", "")


def test_what_is_no_json_is_refused(http):
    assert http.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 400
    answer = http.post("/v1/chat/completions", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


def test_an_unknown_address_is_refused_in_openais_shape(http):
    answer = http.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_url"
    assert http.get("/v1/chat/completions").status_code == 405


def test_an_inner_fault_shows_nothing_of_itself(engine, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("/secret/path")

    body = {"model": "tiny", "messages": MESSAGES}
    with serving(engine) as base:
        monkeypatch.setattr(engine.vlm.model, "generate", broken)
        plain = httpx.post(f"{base}/v1/chat/completions", json=body, timeout=60)
        stream = httpx.post(f"{base}/v1/chat/completions", json={**body, "stream": True}, timeout=60)
    assert plain.status_code == 500
    for answer in (plain, stream):
        assert "went wrong" in answer.text
        assert "secret" not in answer.text


LONG = {"model": "tiny", "messages": MESSAGES, "max_tokens": 900, "temperature": 0, "tool_choice": "required"}


@pytest.fixture
def long_body(make_tool):
    """A request whose answer must be long."""
    tool = make_tool("paint", {"prompt": {"type": "string", "minLength": 4000}})
    return {**LONG, "tools": [tool]}


def test_a_full_line_is_answered_429_and_serves_again_once_the_client_has_gone(engine, long_body):
    with serving(engine, vlm_max_waiting=0) as base:
        with httpx.stream(
            "POST", f"{base}/v1/chat/completions", json={**long_body, "stream": True}, timeout=60
        ) as running:
            chunks = running.iter_raw()  # must live on: it closes the answer when it is collected
            next(chunks)
            refused = httpx.post(f"{base}/v1/chat/completions", json=long_body, timeout=60)
            assert httpx.get(f"{base}/healthz", timeout=60).status_code == 200
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "overloaded"
        assert int(refused.headers["retry-after"]) > 0
        short = {"model": "tiny", "messages": MESSAGES, "max_tokens": 2}
        wait_for(lambda: httpx.post(f"{base}/v1/chat/completions", json=short, timeout=60).status_code == 200)


def test_a_client_that_does_not_stream_and_leaves_is_noticed_too(engine, long_body):
    with serving(engine, vlm_max_waiting=0) as base:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{base}/v1/chat/completions", json=long_body, timeout=0.5)
        short = {"model": "tiny", "messages": MESSAGES, "max_tokens": 2}
        wait_for(lambda: httpx.post(f"{base}/v1/chat/completions", json=short, timeout=60).status_code == 200)


def wait_for(happened, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)
