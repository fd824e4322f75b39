"""`/v1/responses` over a WebSocket, as Open Responses of 2026-04-24 has it."""

import asyncio
import json

import openai
import pytest
import websockets

from orchestrator.api import responses_socket
from orchestrator.vlm.client import VlmText, VlmToolCall
from shared.errors import VlmUnavailable

CREATE = {"type": "response.create", "model": "diptych", "store": False}
WEATHER_CALL = VlmToolCall(call_id="c", name="get_weather", arguments="{}")
FUNCTION = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
LAST = ("response.completed", "response.failed", "response.incomplete", "error")


def connect(client, **headers):
    url = str(client.base_url).replace("http", "ws", 1) + "responses"
    return websockets.connect(url, additional_headers=headers, proxy=None)


async def turn(socket, text="hello", **body):
    """All events of one response."""
    await socket.send(json.dumps(CREATE | {"input": text} | body))
    events = []
    while not events or events[-1]["type"] not in LAST:
        events.append(json.loads(await asyncio.wait_for(socket.recv(), 5)))
    return events


async def test_turns_follow_one_another_with_the_events_of_a_stream(sdk_for):
    async with sdk_for([VlmText(text="One.")], [VlmText(text="Two.")]) as client, connect(client) as socket:
        for said in ("One.", "Two."):
            events = await turn(socket)
            assert [event["sequence_number"] for event in events] == list(range(len(events)))
            assert events[0]["type"] == "response.created"
            assert events[-1]["response"]["output"][0]["content"][0]["text"] == said


async def test_what_is_not_stored_goes_on_over_the_same_connection_only(sdk_for):
    async with sdk_for([WEATHER_CALL], [VlmText(text="Rain.")], [VlmText(text="x")]) as client:
        async with connect(client) as socket:
            first = (await turn(socket, tools=[FUNCTION]))[-1]["response"]
            output = {"type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "rain"}
            second = (await turn(socket, [output], previous_response_id=first["id"]))[-1]["response"]
            assert second["output"][0]["content"][0]["text"] == "Rain."
        async with connect(client) as socket:
            (error,) = await turn(socket, previous_response_id=second["id"])
            assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")
            assert (await turn(socket))[-1]["type"] == "response.completed"


async def test_a_turn_that_fails_forgets_what_it_went_on_from(sdk_for):
    wrong = [{"type": "function_call_output", "call_id": "call_none", "output": "x"}]
    answers = [VlmText(text="One.")], [VlmText(text="Two.")], [VlmUnavailable("gone")]
    async with sdk_for(*answers) as client, connect(client) as socket:
        for again, kind in ((wrong, "error"), ("go on", "response.failed")):
            first = (await turn(socket))[-1]["response"]["id"]
            assert (await turn(socket, again, previous_response_id=first))[-1]["type"] == kind
            (error,) = await turn(socket, previous_response_id=first)
            assert error["error"]["code"] == "previous_response_not_found"


async def test_a_stored_response_goes_on_over_any_connection(sdk_for):
    async with sdk_for([VlmText(text="One.")], [VlmText(text="Two.")]) as client:
        async with connect(client) as socket:
            first = (await turn(socket, store=True))[-1]["response"]
        assert (await client.responses.retrieve(first["id"])).output_text == "One."
        async with connect(client) as socket:
            assert (await turn(socket, previous_response_id=first["id"]))[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        '"x"',
        json.dumps({"model": "diptych", "input": "hello"}),
        json.dumps(CREATE | {"input": "hello", "stream": True}),
        json.dumps(CREATE | {"input": "hello", "background": False}),
        json.dumps(CREATE | {"input": ""}),
        json.dumps(CREATE | {"input": "hello", "model": "gpt-9"}),
    ],
)
async def test_a_bad_message_is_answered_with_an_error_and_the_connection_lives(sdk_for, message):
    async with sdk_for([VlmText(text="Hi.")]) as client, connect(client) as socket:
        await socket.send(message)
        error = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
        assert error["status"] in (400, 404)
        assert error["error"]["message"].endswith(".")
        assert (await turn(socket))[-1]["type"] == "response.completed"


async def test_a_connection_ends_after_its_hour(sdk_for, monkeypatch):
    monkeypatch.setattr(responses_socket, "LONGEST_S", 0.05)
    async with sdk_for() as client, connect(client) as socket:
        error = json.loads(await asyncio.wait_for(socket.recv(), 5))
        assert error["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)


async def test_without_the_key_or_from_a_page_elsewhere_nothing_is_opened(sdk_for):
    async with sdk_for([VlmText(text="Hi.")], key="k", api_key="k") as client:
        refused = ({}, 401), ({"Authorization": "Bearer k", "Origin": "https://evil.example"}, 403)
        for headers, status in refused:
            with pytest.raises(websockets.InvalidStatus) as raised:
                async with connect(client, **headers):
                    pass
            assert raised.value.response.status_code == status
        ours = {"Authorization": "Bearer k", "Origin": str(client.base_url).removesuffix("/v1/")}
        async with connect(client, **ours) as socket:
            assert (await turn(socket))[-1]["type"] == "response.completed"


async def test_leaving_is_not_cancelling(sdk_for):
    async with sdk_for([VlmText(text="One.")]) as client:
        async with connect(client) as socket:
            await socket.send(json.dumps(CREATE | {"input": "hello", "store": True}))
            created = json.loads(await asyncio.wait_for(socket.recv(), 5))
        events = await client.responses.retrieve(created["response"]["id"], stream=True)
        last = [event async for event in events][-1]
    assert (last.type, last.response.output_text) == ("response.completed", "One.")
    assert isinstance(last.response, openai.types.responses.Response)
