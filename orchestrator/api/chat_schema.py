"""The body of `POST /v1/chat/completions`, as far as it is served here. Fields that change nothing are ignored."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from orchestrator.tools.base import PaintingOptions
from shared.jobs import MAX_SEED

MAX_STOPS = 4
INT64 = 2**63


def _is_unicode(text: str) -> str:
    """Half a character (a lone surrogate) can be written in JSON, but neither stored nor sent on."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a Unicode character (a lone surrogate); send whole ones") from None
    return text


Text = Annotated[str, AfterValidator(_is_unicode)]
SIZE = re.compile(r"(\d{2,4})x(\d{2,4})")


class Body(BaseModel):
    """JSON types as they are; unknown fields are ignored, since clients send many."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class TextContent(Body):
    type: Literal["text"]
    text: Text


class ImageUrl(Body):
    url: str


class ImageContent(Body):
    type: Literal["image_url"]
    image_url: ImageUrl


class SystemMessage(Body):
    role: Literal["system", "developer"]
    content: Text | list[TextContent]


class UserMessage(Body):
    role: Literal["user"]
    content: Text | list[Annotated[TextContent | ImageContent, Field(discriminator="type")]] = Field(min_length=1)


class AssistantMessage(Body):
    role: Literal["assistant"]
    content: Text | list[TextContent] | None = None


ChatMessage = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="role")]


class DiptychOptions(Body):
    """The extension object: what OpenAI's API has no field for. Its presence asks for events of the workers too."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    fast: bool = False
    """The painter's few-step setting, where it has one."""
    steps: int | None = Field(default=None, ge=1, le=150)
    guidance: float | None = Field(default=None, ge=0, le=30)
    negative_prompt: Text | None = Field(default=None, max_length=4000)
    size: str | None = Field(default=None, description="Width x height in pixels, such as 128x128; multiples of 8.")

    @field_validator("size")
    @classmethod
    def _size_is_possible(cls, size: str | None) -> str | None:
        match = SIZE.fullmatch(size) if size is not None else None
        if size is not None and match is None:
            raise ValueError("write the size as WIDTHxHEIGHT, such as 128x128")
        if match and not all(64 <= int(side) <= 2048 and int(side) % 8 == 0 for side in match.groups()):
            raise ValueError("each side must be a multiple of 8 from 64 to 2048")
        return size

    @model_validator(mode="after")
    def _fast_decides_alone(self) -> Self:
        if self.fast and (self.steps is not None or self.guidance is not None):
            raise ValueError("fast has steps and guidance of its own; leave fast out, or steps and guidance")
        return self

    @property
    def painting(self) -> PaintingOptions:
        width, height = map(int, self.size.split("x")) if self.size else (None, None)
        return PaintingOptions(
            seed=self.seed,
            fast=self.fast,
            steps=self.steps,
            guidance_scale=self.guidance,
            negative_prompt=self.negative_prompt,
            width=width,
            height=height,
        )


class StreamOptions(Body):
    include_usage: bool = False


class ChatRequest(Body):
    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = Field(default=None, ge=-INT64, lt=INT64)
    stop: Text | Annotated[list[Text], Field(max_length=MAX_STOPS)] | None = None
    n: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    diptych: DiptychOptions | None = None

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
        if self.n not in (None, 1):
            raise ValueError("n: only one answer per request is served; leave n out")
        if self.tools:
            raise ValueError("tools: functions of your own are not served yet; the built-in tools always are")
        if not isinstance(self.messages[-1], UserMessage):
            raise ValueError("messages: the last message must be the user's")
        if not _said(self.messages[-1]):
            raise ValueError("messages: the last message is empty; write something or attach an image")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


def _said(message: UserMessage) -> bool:
    if isinstance(message.content, str):
        return bool(message.content.strip())
    return any(isinstance(part, ImageContent) or part.text.strip() for part in message.content)
