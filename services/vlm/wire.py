"""The JSON of OpenAI's chat completions: answers, stream chunks, errors. Knows no model, no HTTP framework."""

import json
import time
from typing import Any

from services.vlm.engine import Answer, Outcome
from services.vlm.output import CallPiece, Piece, TextPiece
from shared.errors import DiptychError

DONE = b"data: [DONE]\n\n"


def usage(outcome: Outcome) -> dict[str, Any]:
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
        "total_tokens": outcome.prompt_tokens + outcome.completion_tokens,
        "prompt_tokens_details": {"image_tokens": outcome.image_tokens, "cached_tokens": 0},
    }


def tool_call(piece: CallPiece) -> dict[str, Any]:
    return {"id": piece.id, "type": "function", "function": {"name": piece.name, "arguments": piece.arguments}}


def completion(answer_id: str, model: str, answer: Answer) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
    if answer.calls:
        message["tool_calls"] = [tool_call(call) for call in answer.calls]
    elif message["content"] is None:
        message["content"] = ""
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.outcome.finish_reason}
    head = {"id": answer_id, "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**head, "choices": [choice], "usage": usage(answer.outcome)}


class Chunks:
    """The server-sent events of one streamed answer, each in one piece of bytes."""

    def __init__(self, answer_id: str, model: str, include_usage: bool) -> None:
        self._head = {"id": answer_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._include_usage = include_usage
        self._calls = 0

    def opening(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def piece(self, piece: Piece) -> bytes:
        if isinstance(piece, TextPiece):
            return self._chunk({"content": piece.text})
        index, self._calls = self._calls, self._calls + 1
        return self._chunk({"tool_calls": [{"index": index, **tool_call(piece)}]})

    def closing(self, outcome: Outcome) -> bytes:
        """The last chunks, with usage where it was asked for, and the end mark."""
        last = self._chunk({}, outcome.finish_reason)
        if self._include_usage:
            last += event({**self._head, "choices": [], "usage": usage(outcome)})
        return last + DONE

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        extra = {"usage": None} if self._include_usage else {}
        return event({**self._head, "choices": [choice], **extra})


def event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def error(problem: DiptychError) -> dict[str, Any]:
    """OpenAI's shape of an error."""
    kind = "invalid_request_error" if problem.status < 500 else "server_error"
    if problem.status == 429:
        kind = "rate_limit_error"
    return {"error": {"message": problem.message, "type": kind, "param": problem.param, "code": problem.code}}


def models(name: str, context: int, created: int) -> dict[str, Any]:
    """The body of GET /v1/models. `max_model_len` is where vLLM, too, states the context length."""
    entry = {"id": name, "object": "model", "created": created, "owned_by": "diptych", "max_model_len": context}
    return {"object": "list", "data": [entry]}
