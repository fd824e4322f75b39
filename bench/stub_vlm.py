"""A VLM's server that costs next to nothing: `python -m bench.stub_vlm --port 9000` answers at once, always the same.

It speaks OpenAI's chat format, whole or streamed, straight from a protocol on uvloop, so that what a bench measures is
what stands before it. With `--paints` it has one picture painted before it speaks. It checks nothing that it is sent.
"""

import argparse
import asyncio
import json
from typing import Any, cast

import httptools
import uvloop

WORDS = ("There", " it", " is", ":", " as", " you", " asked", ".")
CALL = {
    "index": 0,
    "id": "call_0",
    "type": "function",
    "function": {"name": "generate_image", "arguments": json.dumps({"prompt": "an orange cat"})},
}
USAGE = {"prompt_tokens": 10, "completion_tokens": len(WORDS), "total_tokens": 10 + len(WORDS)}
SAME = {"id": "chatcmpl-stub", "created": 0, "model": "stub"}
LISTED = {"object": "list", "data": [{"id": "stub", "object": "model", "created": 0, "owned_by": "bench"}]}


def _http(kind: str, body: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    return (head + body).encode()


def _whole(message: dict[str, Any], reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return _http(
        "application/json", json.dumps({**SAME, "object": "chat.completion", "choices": [choice], "usage": USAGE})
    )


def _stream(deltas: list[dict[str, Any]], reason: str) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reason})
    chunks = [{**SAME, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    chunks[-1]["usage"] = USAGE
    frames = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return _http("text/event-stream", "".join(frames) + "data: [DONE]\n\n")


ANSWERS = {
    ("says", False): _whole({"content": "".join(WORDS)}, "stop"),
    ("says", True): _stream([{"content": word} for word in WORDS], "stop"),
    ("calls", False): _whole({"content": None, "tool_calls": [CALL]}, "tool_calls"),
    ("calls", True): _stream([{"tool_calls": [CALL]}], "tool_calls"),
}
MODELS = _http("application/json", json.dumps(LISTED))


class StubVlm(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, *, paints: bool) -> None:
        self._paints = paints
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        self._transport.write(self._answer(json.loads(body)) if body else MODELS)

    def _answer(self, asked: dict[str, Any]) -> bytes:
        calls = self._paints and "tools" in asked and asked["messages"][-1]["role"] == "user"
        return ANSWERS["calls" if calls else "says", asked.get("stream", False)]


async def serve(port: int, *, paints: bool) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: StubVlm(paints=paints), "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--paints", action="store_true", help="has a picture painted before it speaks")
    options = parser.parse_args()
    uvloop.run(serve(options.port, paints=options.paints))


if __name__ == "__main__":
    main()
