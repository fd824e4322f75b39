"""The response object: all of its fields, from the request's echo to what came of it. Knows no streams."""

import time
from typing import Any

from orchestrator.api.image_tool import ImageGenerationTool
from orchestrator.api.models import MODEL
from orchestrator.api.responses_schema import ResponseRequest
from orchestrator.api.responses_tools import FunctionTool, ResponseTool
from shared.errors import (
    BodyTooLarge,
    ContextTooLong,
    ErrorRecord,
    InvalidRequest,
    Overloaded,
    UnknownModel,
)
from shared.events import TurnCancelled, TurnEnd, TurnFailed, Usage

PROMPT_FAULTS = {InvalidRequest.code, ContextTooLong.code, BodyTooLarge.code, UnknownModel.code}
IMAGE_FAULTS = frozenset(
    {
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "image_too_large",
        "image_too_small",
        "image_file_too_large",
        "unsupported_image_media_type",
        "empty_image_file",
    }
)


def new_response(response_id: str, body: ResponseRequest) -> dict[str, Any]:
    """A response that has just begun."""
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "queued" if body.background else "in_progress",
        "background": bool(body.background),
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "model": MODEL,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "conversation": body.conversation_id and {"id": body.conversation_id},
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": (body.reasoning.model_dump() if body.reasoning else {"effort": None, "summary": None}),
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": body.stored,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": body.text.format.model_dump(by_alias=True)},
        "tool_choice": body.tool_choice if isinstance(body.tool_choice, str) else body.tool_choice.model_dump(),
        "tools": [_echo(tool) for tool in body.tools],
        "top_logprobs": 0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "truncation": body.truncation or "disabled",
        "usage": None,
        "user": body.user,
        "metadata": body.metadata or {},
    }


def _echo(tool: ResponseTool) -> dict[str, Any]:
    echo = tool.model_dump(exclude_none=not isinstance(tool, FunctionTool))
    return echo | {"background": "opaque"} if isinstance(tool, ImageGenerationTool) else echo


def usage_of(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": 0,
            "image_tokens": usage.image_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def ending(event: TurnEnd) -> dict[str, Any]:
    """The fields that the end of the turn decides."""
    if isinstance(event, TurnFailed):
        return {"status": "failed", "error": error_of(event.error)}
    if isinstance(event, TurnCancelled):
        return {"status": "cancelled"}
    usage = {"usage": usage_of(event.usage)}
    if event.finish_reason == "length":
        return {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}} | usage
    return {"status": "completed", "completed_at": int(time.time())} | usage


def error_of(error: ErrorRecord) -> dict[str, Any]:
    """An error under one of the codes that OpenAI's clients know."""
    code = "server_error"
    if error.code in IMAGE_FAULTS:
        code = error.code
    elif error.code in PROMPT_FAULTS:
        code = "invalid_prompt"
    elif error.code == Overloaded.code:
        code = "rate_limit_exceeded"
    return {"code": code, "message": error.message}
