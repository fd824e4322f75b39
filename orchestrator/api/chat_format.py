"""Turns as the choices of OpenAI's chat completion: one object, or chunks as server-sent events. Knows no requests.

Pictures are Markdown images in the text, and once more in `images`; a text that must be JSON has none. Extended
streams also carry what workers do (queued, step k of n, previews), in a `diptych` object beside the choices.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.chat_footnotes import Footnotes
from orchestrator.api.errors import error_body
from orchestrator.api.models import MODEL
from orchestrator.api.sse import frame
from orchestrator.links import markdown_image
from orchestrator.merging import merge
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


@dataclass(frozen=True)
class ChatForm:
    """What a request asked of the form of its answer."""

    include_usage: bool = False
    """A last chunk with the usage."""
    extended: bool = False
    """What workers do is in the stream too."""
    only_json: bool = False
    """The text is a JSON document: nothing is set into it."""

    def content(self, event: TurnEvent, notes: Footnotes) -> str:
        """What an event adds to the answer's text."""
        if isinstance(event, TextDelta):
            return notes.marked(event)
        if isinstance(event, TurnCompleted):
            return notes.all()
        if isinstance(event, PictureShown) and not self.only_json:
            return f"{markdown_image(event.alt, event.link)}\n\n"
        return "\n\n" if isinstance(event, TextEnded) and not self.only_json else ""


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"image_tokens": usage.image_tokens, "cached_tokens": usage.cached_tokens},
    }


def _image_part(link: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": link}}


def _call_part(event: FunctionCalled) -> dict[str, Any]:
    return {"id": event.call_id, "type": "function", "function": {"name": event.name, "arguments": event.arguments}}


async def whole(turns: Sequence[Turn], form: ChatForm) -> dict[str, Any]:
    """All choices in one piece. Raises DiptychError where a turn failed."""
    choices: list[dict[str, Any]] = []
    usage = Usage()
    for index, turn in enumerate(turns):
        message, completed = await _message(turn, form)
        end = {"logprobs": None, "finish_reason": completed.finish_reason}
        choices.append({"index": index, "message": message} | end)
        usage += completed.usage
    return _Envelope().fields("chat.completion") | {"choices": choices, "usage": _usage(usage)}


async def _message(turn: Turn, form: ChatForm) -> tuple[dict[str, Any], TurnCompleted]:
    message: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
    completed, notes = TurnCompleted(usage=Usage()), Footnotes()
    async for event in turn.completed():
        message["content"] += form.content(event, notes)
        if isinstance(event, PictureShown):
            message.setdefault("images", []).append(_image_part(event.link))
        elif isinstance(event, FunctionCalled):
            message.setdefault("tool_calls", []).append(_call_part(event))
        elif isinstance(event, TurnCompleted):
            completed = event
    if "tool_calls" in message:
        message["content"] = message["content"] or None
    return message, completed


@dataclass
class _Envelope:
    """What all chunks of one answer have in common."""

    constant: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def fields(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": MODEL}

    def chunk(self, choices: list[dict[str, Any]], **extra: Any) -> bytes:
        """One SSE frame."""
        return frame(self.fields("chat.completion.chunk") | {"choices": choices} | self.constant | extra)


@dataclass
class _Choice:
    """One choice as it grows."""

    index: int
    form: ChatForm
    calls: int = 0
    begun: bool = False
    usage: Usage = field(default_factory=Usage)
    notes: Footnotes = field(default_factory=Footnotes)

    def take(self, event: TurnEvent) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The choice of each next chunk, and what stands beside it."""
        if isinstance(event, FunctionCalled):
            self.calls += 1
            yield self._with({"tool_calls": [{"index": self.calls - 1} | _call_part(event)]}), {}
            return
        content = self.form.content(event, self.notes)
        if isinstance(event, PictureShown):
            yield self._with({"content": content, "images": [_image_part(event.link)]}), {}
        elif content:
            yield self._with({"content": content}), {}
        elif self.form.extended and isinstance(event, ToolCalled | AnyJobEvent):
            yield self._with({}), {"diptych": event.model_dump(mode="json")}
        if isinstance(event, TurnCompleted):
            self.usage = event.usage
            yield self._with({}, event.finish_reason), {}

    def _with(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        first = {} if self.begun else {"role": "assistant", "content": ""}
        self.begun = True
        return {"index": self.index, "delta": first | delta, "logprobs": None, "finish_reason": finish_reason}


async def chunks(turns: Sequence[Turn], form: ChatForm) -> AsyncGenerator[bytes, None]:
    """All choices as SSE frames, as they come. Raises DiptychError where a turn fails."""
    envelope = _Envelope({"usage": None} if form.include_usage else {})
    choices = [_Choice(index, form) for index in range(len(turns))]
    sources = [_of(choice, turn) for choice, turn in zip(choices, turns, strict=True)]
    async for choice, event in merge(sources):
        for part, beside in choice.take(event):
            yield envelope.chunk([part], **beside)
    if form.include_usage:
        yield envelope.chunk([], usage=_usage(sum((choice.usage for choice in choices), Usage())))


async def _of(choice: _Choice, turn: Turn) -> AsyncGenerator[tuple[_Choice, TurnEvent], None]:
    async for event in turn.completed():
        yield choice, event


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
