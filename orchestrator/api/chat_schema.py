"""The body of `POST /v1/chat/completions`, as far as it is served here. Fields that change nothing are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body, DiptychOptions, Text
from orchestrator.api.chat_messages import (
    ChatMessage,
    FunctionName,
    ToolMessage,
    UserMessage,
    check_outputs,
    says_something,
)
from orchestrator.api.chat_tools import MAX_FUNCTIONS, FunctionTool, Schema, ToolChoice, check_choice, functions_of
from orchestrator.tools.functions import Functions

MAX_STOPS = 4
INT64 = 2**63


class StreamOptions(Body):
    include_usage: bool = False


class TextFormat(Body):
    type: Literal["text"]


class JsonObjectFormat(Body):
    type: Literal["json_object"]


class JsonSchema(Body):
    name: FunctionName
    description: Text | None = None
    schema_: Schema = Field(alias="schema")
    strict: bool | None = None


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: JsonSchema


ResponseFormat = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


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
    tools: list[FunctionTool] | None = Field(default=None, max_length=MAX_FUNCTIONS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    diptych: DiptychOptions | None = None

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
        if self.n not in (None, 1):
            raise ValueError("n: only one answer per request is served; leave n out")
        last = self.messages[-1]
        if not isinstance(last, UserMessage | ToolMessage):
            raise ValueError("messages: the last message must be the user's, or the output of a tool")
        if isinstance(last, UserMessage) and not says_something(last):
            raise ValueError("messages: the last message is empty; write something or attach an image")
        check_outputs(self.messages)
        check_choice(self.tools, self.tool_choice)
        return self

    @property
    def document(self) -> dict[str, Any] | None:
        """The response format where it asks for JSON; the answer's text is then nothing else."""
        if self.response_format is None or isinstance(self.response_format, TextFormat):
            return None
        return self.response_format.model_dump(by_alias=True, exclude_none=True)

    @property
    def functions(self) -> Functions:
        return functions_of(self.tools, self.tool_choice, parallel=self.parallel_tool_calls is not False)

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
