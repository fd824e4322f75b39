"""A VLM's server without a model: `python -m bench.stamping_vlm --port 9000` speaks OpenAI's chat format, streamed.

Its first token is the moment at which that leaves (CLOCK_MONOTONIC, in ns), so that whoever reads it on the same
machine knows how long it was under way. Offered a function of a client's beside `generate_image`, it says something,
has a picture painted, says something more, and calls that function: one answer with all that an answer can hold.
"""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.requests import Request

PAINTER = "generate_image"
OURS = {PAINTER, "edit_image", "read_text", "look_closer", "compose_text"}
BEFORE, AFTER = "First I have a picture painted, of what you asked for: ", "There it is. Now I ask your function. "
Delta = dict[str, Any]


class Paced:
    """How a GPU with many answers at a time would speak."""

    def __init__(self, think_s: float, tokens: int, rate: float) -> None:
        self.think_s, self.tokens, self.rate = think_s, tokens, rate

    async def count(self) -> AsyncIterator[Delta]:
        """The moment, then tokens at the pace, so that the stream stays open."""
        await asyncio.sleep(self.think_s)
        yield {"role": "assistant", "content": ""}
        yield {"content": str(time.monotonic_ns())}
        for number in range(1, self.tokens):
            await asyncio.sleep(1 / self.rate)
            yield {"content": f" {number}"}


def painting(function: str, *, painted: bool) -> Iterator[Delta]:
    """The two answers of a turn that paints and then calls a function."""
    for word in (AFTER if painted else BEFORE).split(" "):
        yield {"content": f"{word} "}
    name, arguments = (function, {"location": "Oslo"}) if painted else (PAINTER, {"prompt": "an orange cat"})
    call = {
        "index": 0,
        "id": "call_0",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    yield {"tool_calls": [call]}


def picture(*, painted: bool) -> Iterator[Delta]:
    """The two answers of a turn that only paints."""
    if painted:
        yield {"content": AFTER}
    else:
        function = {"name": PAINTER, "arguments": json.dumps({"prompt": "an orange cat"})}
        yield {"tool_calls": [{"index": 0, "id": "call_0", "type": "function", "function": function}]}


def make_app(paced: Paced, *, paints: bool) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": "stamping", "object": "model"}]}

    @app.post("/v1/chat/completions")
    async def answer(request: Request) -> StreamingResponse:
        body = await request.json()
        offered = [tool["function"]["name"] for tool in body.get("tools", ())]
        theirs = [name for name in offered if name not in OURS]
        painted = body["messages"][-1]["role"] == "tool"
        if paints:
            deltas = _each(picture(painted=painted))
        else:
            deltas = _each(painting(theirs[0], painted=painted)) if theirs else paced.count()
        return StreamingResponse(_chunks(deltas), media_type="text/event-stream")

    return app


async def _each(deltas: Iterator[Delta]) -> AsyncIterator[Delta]:
    for delta in deltas:
        yield delta
        await asyncio.sleep(0.01)


async def _chunks(deltas: AsyncIterator[Delta]) -> AsyncIterator[str]:
    called = False
    async for delta in deltas:
        called = called or "tool_calls" in delta
        yield _chunk(delta)
    usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
    yield _chunk({}, finish_reason="tool_calls" if called else "stop", usage=usage) + "data: [DONE]\n\n"


def _chunk(delta: Delta, *, finish_reason: str | None = None, usage: dict[str, int] | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "stamping", "choices": [choice]}
    return f"data: {json.dumps(chunk | ({'usage': usage} if usage else {}))}\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--think-s", type=float, default=1.0, help="before the first token")
    parser.add_argument("--tokens", type=int, default=50, help="of an answer that counts")
    parser.add_argument("--rate", type=float, default=10.0, help="tokens a second of each answer")
    parser.add_argument("--paints", action="store_true", help="have a picture painted in every turn, at once")
    options = parser.parse_args()
    paced = Paced(options.think_s, options.tokens, options.rate)
    uvicorn.run(make_app(paced, paints=options.paints), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
