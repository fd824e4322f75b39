"""The body of `POST /v1/chat/completions`, as far as this server honours it. Knows no model.

Fields that change nothing here (user, metadata, store …) are ignored; fields that would change the answer
and are not supported are refused, so that no client believes it got what it did not get.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.errors import InvalidRequest

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class TextPart(_Part):
    type: Literal["text"]
    text: str


class ImageUrl(_Part):
    url: str
    """A `data:` URL; others are refused when the picture is decoded."""


class ImagePart(_Part):
    type: Literal["image_url"]
    image_url: ImageUrl


ContentPart = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class FunctionCall(_Part):
    name: ToolName
    arguments: str
    """A JSON object."""


class ToolCall(_Part):
    id: str = ""
    type: Literal["function"] = "function"
    function: FunctionCall


class SystemMessage(_Part):
    role: Literal["system", "developer"]
    content: str | list[TextPart]


class UserMessage(_Part):
    role: Literal["user"]
    content: str | list[ContentPart]


class AssistantMessage(_Part):
    role: Literal["assistant"]
    content: str | list[TextPart] | None = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(_Part):
    role: Literal["tool"]
    content: str | list[ContentPart]
    tool_call_id: str = ""


Message = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class FunctionSpec(_Part):
    name: ToolName
    description: str = ""
    parameters: dict[str, object] | None = None
    """JSON Schema of the arguments object."""


class ToolSpec(_Part):
    type: Literal["function"]
    function: FunctionSpec


class NamedFunction(_Part):
    name: str


class NamedToolChoice(_Part):
    type: Literal["function"]
    function: NamedFunction


class StreamOptions(_Part):
    include_usage: bool | None = False


class TextFormat(_Part):
    type: Literal["text"]


class JsonFormat(_Part):
    """Any JSON object."""

    type: Literal["json_object"]


class JsonSchema(_Part):
    name: ToolName
    schema_: dict[str, object] = Field(default_factory=dict, alias="schema")


class SchemaFormat(_Part):
    """JSON that fits a schema; the grammar keeps to it whether `strict` or not."""

    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]


class ChatRequest(_Part):
    """One request. Limits that depend on the model are checked where the model is known."""

    model: str
    messages: list[Message] = Field(min_length=1)
    tools: list[ToolSpec] | None = Field(default=None, max_length=128)
    tool_choice: Literal["auto", "none", "required"] | NamedToolChoice | None = None
    parallel_tool_calls: bool | None = True
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1
    logprobs: Literal[False] | None = False
    response_format: ResponseFormat | None = None
    functions: None = None
    """The form of tools before 2024; refused."""

    @field_validator("stop")
    @classmethod
    def _usable_stops(cls, stop: str | list[str] | None) -> str | list[str] | None:
        stops = [stop] if isinstance(stop, str) else stop or []
        if len(stops) > 4 or any(not text for text in stops):
            raise ValueError("give 1 to 4 strings, none of them empty")
        return stop

    @model_validator(mode="after")
    def _choice_fits_tools(self) -> Self:
        names = self.tool_names
        if len(set(names)) < len(names):
            raise ValueError("two tools have the same name")
        wanted = self.tool_choice
        if isinstance(wanted, NamedToolChoice) and wanted.function.name not in names:
            raise ValueError("tool_choice names a tool that is not among tools")
        if wanted == "required" and not names:
            raise ValueError("tool_choice is required, but there are no tools")
        return self

    @property
    def document(self) -> dict[str, object] | None:
        """The JSON Schema that the answer's text must fit; None where it is free."""
        if isinstance(self.response_format, SchemaFormat):
            return self.response_format.json_schema.schema_
        return {"type": "object"} if isinstance(self.response_format, JsonFormat) else None

    @property
    def tool_names(self) -> list[str]:
        return [tool.function.name for tool in self.tools or []]

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def token_limit(self) -> int | None:
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


def parse_request(body: bytes) -> ChatRequest:
    """Read a request body.

    Raises:
        InvalidRequest: with a sentence about the first fault; `param` says where it is.
    """
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    raise InvalidRequest(f"{where}: {message}." if where else f"{message}.", param=where or None) from None
