"""The answer of `POST /v1/chat/completions` for the OpenAPI document. A test holds the answers against it."""

from typing import Any, Literal

from pydantic import BaseModel

from orchestrator.api import sse


class ImageLink(BaseModel):
    url: str


class ShownImage(BaseModel):
    """A picture of the answer; its link opens without a key."""

    type: Literal["image_url"]
    image_url: ImageLink


class CalledFunction(BaseModel):
    name: str
    arguments: str


class FunctionCall(BaseModel):
    id: str
    type: Literal["function"]
    function: CalledFunction


class AnswerMessage(BaseModel):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[FunctionCall] = []
    images: list[ShownImage] = []


class Choice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls"]


class PromptTokens(BaseModel):
    image_tokens: int
    cached_tokens: int


class ChatUsage(BaseModel):
    """Tokens of all questions to the VLM that the choices took, tools' results included."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ChatCompletion,
        "description": "The answer, or with `stream` its chunks as server-sent events.",
        "content": sse.DOCUMENTED,
    }
}
