"""Server-sent events: frames, comments in long pauses, and the end that OpenAI's clients wait for."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

MEDIA_TYPE = "text/event-stream"
DOCUMENTED = {
    MEDIA_TYPE: {
        "schema": {
            "type": "object",
            "description": "Each event; its data is JSON as OpenAI's clients know it, the last one is [DONE].",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
            "required": ["data"],
        }
    }
}
KEEP_ALIVE_S = 15.0
DONE = b"data: [DONE]\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class CutOff(Exception):
    """The stream ends here before its time; it can be followed further elsewhere."""


def frame(data: dict[str, Any], event: str | None = None) -> bytes:
    """One event, to be written at once: some clients cannot put together what comes in pieces."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


async def with_pauses(frames: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The frames, with comments in long pauses so that proxies keep the connection; DONE is last."""
    upcoming = asyncio.ensure_future(anext(frames))
    try:
        while True:
            await asyncio.wait({upcoming}, timeout=KEEP_ALIVE_S)
            if not upcoming.done():
                yield b": still working\n\n"
                continue
            yield upcoming.result()
            upcoming = asyncio.ensure_future(anext(frames))
    except StopAsyncIteration:
        yield DONE
    except CutOff:
        return
    finally:
        upcoming.cancel()
