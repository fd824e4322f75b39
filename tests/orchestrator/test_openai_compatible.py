"""The client of the VLM's server against a server that sends whatever bytes the test says, over real HTTP."""

import asyncio
import contextlib
import json

import pytest

from orchestrator.vlm.client import Offer, Sampling, VlmEnd, VlmText, VlmToolCall
from orchestrator.vlm.openai_compatible import OpenAICompatibleVlm
from shared.errors import ContextTooLong, Overloaded, VlmNonsense, VlmRefused, VlmUnavailable
from shared.events import Usage

MESSAGES = [{"role": "user", "content": "hello"}]
STREAM = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


def chunk(delta=None, finish=None, **extra):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return "data: " + json.dumps({"choices": choices} | extra) + "\n\n"


def refusal(status, body):
    return f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"


@pytest.fixture
def serving():
    """A context manager: a client of a server that answers with these bytes, the last ones again and again."""

    @contextlib.asynccontextmanager
    async def serving(*answers: str, name: str = "m", timeout_s: float = 5, busy_s: float = 0, hang: bool = False):
        asked, handlers = [], set()

        async def handle(reader, writer):
            handlers.add(asyncio.current_task())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            asked.append(json.loads(await reader.readexactly(length) or "{}"))
            writer.write(answers[min(len(asked), len(answers)) - 1].encode())
            with contextlib.suppress(ConnectionError):
                await writer.drain()
                if hang:
                    await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        vlm = OpenAICompatibleVlm(f"http://127.0.0.1:{port}/v1", name, "", timeout_s=timeout_s, busy_s=busy_s, away_s=0)
        try:
            yield vlm, asked
        finally:
            await vlm.aclose()
            server.close()
            await server.wait_closed()
            await asyncio.gather(*handlers)

    return serving


async def collect(vlm, offer=None, sampling=None):
    return [event async for event in vlm.answer(MESSAGES, offer or Offer(), sampling or Sampling())]


async def test_text_usage_and_the_end_come_through(serving):
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "prompt_tokens_details": {"image_tokens": 5, "cached_tokens": 1},
    }
    stream = chunk({"role": "assistant", "content": ""}) + chunk({"content": "Hé"}) + chunk({"content": "llo"}, "stop")
    async with serving(STREAM + stream + chunk(None, usage=usage) + "data: [DONE]\n\n") as (vlm, asked):
        events = await collect(vlm, sampling=Sampling(temperature=0.5, stop=("x",)))
    assert events[:2] == [VlmText(text="Hé"), VlmText(text="llo")]
    assert events[2] == VlmEnd(usage=Usage(prompt_tokens=7, completion_tokens=2, image_tokens=5, cached_tokens=1))
    assert asked[0]["model"] == "m"
    assert (asked[0]["temperature"], asked[0]["stop"]) == (0.5, ["x"])
    assert "tools" not in asked[0]


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        ("auto", True, {}),
        ("required", True, {"tool_choice": "required"}),
        ("f", False, {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False}),
    ],
)
async def test_tools_and_what_must_be_called_are_sent(serving, choice, parallel, sent):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    async with serving(STREAM + chunk({"content": "x"}, "stop") + "data: [DONE]\n\n") as (vlm, asked):
        await collect(vlm, Offer(tools=(tool,), choice=choice, parallel=parallel))
    assert asked[0]["tools"] == [tool]
    assert {key: asked[0][key] for key in ("tool_choice", "parallel_tool_calls") if key in asked[0]} == sent


async def test_calls_are_put_together_from_their_pieces(serving):
    pieces = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]},
        {"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]},
    ]
    stream = "".join(chunk(piece) for piece in pieces) + chunk({}, "tool_calls") + "data: [DONE]\n\n"
    async with serving(STREAM + stream) as (vlm, _):
        events = await collect(vlm)
    assert events[:2] == [
        VlmToolCall(call_id="a", name="f", arguments='{"x": 1}'),
        VlmToolCall(call_id="b", name="g", arguments="{}"),
    ]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (STREAM + chunk({"content": "Once"}), VlmUnavailable),
        (STREAM + "data: not json\n\n", VlmNonsense),
        (STREAM + "data: [1]\n\n", VlmNonsense),
        (STREAM + 'data: {"choices": [7]}\n\n', VlmNonsense),
        (STREAM + 'data: {"choices": {"a": 1}}\n\n', VlmNonsense),
        (STREAM + 'data: {"error": {"message": "CUDA /home/x"}}\n\n', VlmUnavailable),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>", VlmUnavailable),
        ("garbage\r\n\r\n", VlmUnavailable),
        ("", VlmUnavailable),
        (refusal(500, "{}"), VlmUnavailable),
        (refusal(401, "{}"), VlmUnavailable),
        (refusal(429, "{}"), Overloaded),
        (refusal(400, '{"error": {"code": "context_length_exceeded"}}'), ContextTooLong),
    ],
)
async def test_every_way_to_fail_is_one_of_our_errors_and_says_nothing_internal(serving, answer, error):
    async with serving(answer) as (vlm, _):
        with pytest.raises(error) as raised:
            await collect(vlm)
    assert raised.value.message.endswith(".")
    assert "/home" not in raised.value.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ('{"error": {"param": "response_format"}}', "response_format"),
        ('{"error": {"param": "/home/x"}}', None),
        ('{"error": "no"}', None),
        ("<html>", None),
    ],
)
async def test_a_refusal_says_which_part_was_refused_where_the_server_does(serving, body, param):
    async with serving(refusal(400, body)) as (vlm, _):
        with pytest.raises(VlmRefused) as raised:
            await collect(vlm, sampling=Sampling(response_format={"type": "json_object"}))
    assert raised.value.param == param


async def test_a_busy_server_is_asked_again(serving):
    answer = STREAM + chunk({"content": "At last."}, "stop") + "data: [DONE]\n\n"
    async with serving(refusal(429, "{}"), refusal(429, "{}"), answer, busy_s=20) as (vlm, asked):
        events = await collect(vlm)
    assert events[0] == VlmText(text="At last.")
    assert len(asked) == 3


async def test_the_first_model_that_is_listed_is_asked_until_the_server_refuses_it(serving):
    listed = [refusal(200, json.dumps({"data": [{"id": model}]})) for model in ("first", "second")]
    answer = STREAM + chunk({"content": "Hello."}, "stop") + "data: [DONE]\n\n"
    async with serving(listed[0], answer, answer, refusal(404, "{}"), listed[1], answer, name="") as (vlm, asked):
        for _ in range(2):
            await collect(vlm)
        with pytest.raises(VlmUnavailable):
            await collect(vlm)
        await collect(vlm)
    assert [body.get("model") for body in asked] == [None, "first", "first", "first", None, "second"]


async def test_megabytes_of_pictures_arrive_whole(serving):
    async with serving(STREAM + chunk({"content": "I see."}, "stop") + "data: [DONE]\n\n") as (vlm, asked):
        content = "x" * (5 * 2**20)
        events = [event async for event in vlm.answer([{"role": "user", "content": content}], Offer(), Sampling())]
    assert events[0] == VlmText(text="I see.")
    assert asked[0]["messages"][0]["content"] == content


async def test_a_connection_is_used_again_after_an_answer():
    answer = chunk({"content": "Yes."}, "stop") + "data: [DONE]\n\n"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(answer)}\r\n\r\n"
    connections, asked = [], []

    async def handle(reader, writer):
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                ahead = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                asked.append(await reader.readexactly(int(ahead.partition("content-length: ")[2].partition("\r\n")[0])))
                writer.write((head + answer).encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        vlm = OpenAICompatibleVlm(f"http://127.0.0.1:{port}/v1", "m", "", timeout_s=5, busy_s=0, away_s=0)
        for _ in range(3):
            assert (await collect(vlm))[0] == VlmText(text="Yes.")
        await vlm.aclose()
    assert (len(connections), len(asked)) == (1, 3)


async def test_silence_has_an_end(serving):
    async with serving(STREAM, timeout_s=0.2, hang=True) as (vlm, _):
        with pytest.raises(VlmUnavailable):
            await collect(vlm)


async def test_nobody_there_is_said(unused_tcp_port):
    vlm = OpenAICompatibleVlm(f"http://127.0.0.1:{unused_tcp_port}/v1", "m", "", timeout_s=5, busy_s=0, away_s=0)
    with pytest.raises(VlmUnavailable) as raised:
        await collect(vlm)
    assert "cannot be reached" in raised.value.message
    with pytest.raises(VlmUnavailable):
        await vlm.check()
    await vlm.aclose()


async def test_a_server_that_is_started_again_is_waited_for(unused_tcp_port):
    vlm = OpenAICompatibleVlm(f"http://127.0.0.1:{unused_tcp_port}/v1", "m", "", timeout_s=5, busy_s=0, away_s=20)
    asking = asyncio.create_task(collect(vlm))
    await asyncio.sleep(0.1)

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write((STREAM + chunk({"content": "Here."}) + chunk({}, "stop") + "data: [DONE]\n\n").encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", unused_tcp_port):
        assert (await asking)[0] == VlmText(text="Here.")
    await vlm.aclose()
