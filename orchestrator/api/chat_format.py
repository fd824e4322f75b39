"""A turn as OpenAI's chat completion: one object, or chunks as server-sent events. Knows nothing of requests.

Pictures are Markdown images in the text, and once more in `images`; a text that must be JSON has none. Extended
streams also carry what workers do (queued, step k of n, previews), in a `diptych` object beside the choices.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.errors import error_body
from orchestrator.api.models import MODEL
from orchestrator.api.sse import frame
from orchestrator.links import markdown_image
from orchestrator.turns import Turn
from shared.errors import DiptychError
from shared.events import (
    AnyJobEvent,
    FunctionCalled,
    PictureShown,
    TextDelta,
    TextEnded,
    ToolCalled,
    TurnCompleted,
    TurnEvent,
    Usage,
)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"image_tokens": usage.image_tokens, "cached_tokens": 0},
    }


def _image_part(link: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": link}}


def _call_part(event: FunctionCalled) -> dict[str, Any]:
    return {"id": event.call_id, "type": "function", "function": {"name": event.name, "arguments": event.arguments}}


async def whole(turn: Turn, *, only_json: bool = False) -> dict[str, Any]:
    """The answer in one piece. Raises DiptychError where the turn failed."""
    message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    completed = TurnCompleted(usage=Usage())
    async for event in turn.completed():
        message["content"] += _content(event, only_json)
        if isinstance(event, PictureShown):
            message.setdefault("images", []).append(_image_part(event.link))
        elif isinstance(event, FunctionCalled):
            message.setdefault("tool_calls", []).append(_call_part(event))
        elif isinstance(event, TurnCompleted):
            completed = event
    if "tool_calls" in message:
        message["content"] = message["content"] or None
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": completed.finish_reason}
    return _Envelope().fields("chat.completion") | {"choices": [choice], "usage": _usage(completed.usage)}


@dataclass
class _Envelope:
    """What all chunks of one answer have in common."""

    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}

    def chunk(self, delta: dict[str, Any] | None, finish_reason: str | None = None, **extra: Any) -> bytes:
        """One SSE frame; no choices at all where delta is None."""
        choices: list[dict[str, Any]] = []
        if delta is not None:
            choices.append({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason})
        return frame(self.fields("chat.completion.chunk") | {"choices": choices} | extra)


async def chunks(
    turn: Turn, *, include_usage: bool, extended: bool, only_json: bool = False
) -> AsyncGenerator[bytes, None]:
    """The answer as SSE frames. Raises DiptychError where the turn fails."""
    envelope = _Envelope()
    role: dict[str, Any] = {"role": "assistant", "content": ""}
    calls = 0
    async for event in turn.completed():
        if isinstance(event, TurnCompleted):
            yield envelope.chunk(role, finish_reason=event.finish_reason)
            if include_usage:
                yield envelope.chunk(None, usage=_usage(event.usage))
            continue
        delta = _delta(event, calls, only_json)
        calls += isinstance(event, FunctionCalled)
        if delta is not None:
            yield envelope.chunk(role | delta)
        elif extended and isinstance(event, ToolCalled | AnyJobEvent):
            yield envelope.chunk(role, diptych=event.model_dump(mode="json"))
        else:
            continue
        role = {}


def _delta(event: TurnEvent, calls: int, only_json: bool) -> dict[str, Any] | None:
    """What standard clients see of an event; `calls` is how many function calls came before it."""
    if isinstance(event, FunctionCalled):
        return {"tool_calls": [{"index": calls} | _call_part(event)]}
    content = _content(event, only_json)
    if isinstance(event, PictureShown):
        return {"content": content, "images": [_image_part(event.link)]}
    return {"content": content} if content else None


def _content(event: TurnEvent, only_json: bool) -> str:
    """What an event adds to the answer's text."""
    if isinstance(event, TextDelta):
        return event.text
    if isinstance(event, PictureShown) and not only_json:
        return f"{markdown_image(event.alt, event.link)}\n\n"
    return "\n\n" if isinstance(event, TextEnded) and not only_json else ""


async def frames(first: "asyncio.Future[bytes]", rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames from the first one on, which may still be under way; an error is the last frame."""
    try:
        yield await first
        async for following in rest:
            yield following
    except StopAsyncIteration:
        return
    except DiptychError as error:
        yield frame(error_body(error.status, error.code, error.message))
