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
MAX_CHOICES = 8
INT64 = 2**63


UNSERVED = {
    "logprobs": "the probabilities of tokens are not served; leave it out",
    "top_logprobs": "the probabilities of tokens are not served; leave it out",
    "logit_bias": "tokens cannot be weighted; leave it out",
    "store": "chat completions are not kept; leave it out, or use /v1/responses",
    "audio": "there is no sound; leave it out",
    "functions": "this form is no longer served; use tools",
    "function_call": "this form is no longer served; use tool_choice",
}
"""Fields that would change the answer, and do nothing here: better refused than passed over."""


class StreamOptions(Body):
    include_usage: bool | None = None


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
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = Field(default=None, ge=-INT64, lt=INT64)
    stop: Text | Annotated[list[Text], Field(max_length=MAX_STOPS)] | None = None
    n: int | None = Field(default=None, ge=1, le=MAX_CHOICES)
    """Choices are turns of their own, side by side; a seed counts up from one to the next."""
    tools: list[FunctionTool] | None = Field(default=None, max_length=MAX_FUNCTIONS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    user: str | None = None
    """Accepted, as `metadata` is; nothing is done with it."""
    metadata: dict[str, str] | None = None
    diptych: DiptychOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _asks_for_nothing_unserved(cls, body: Any) -> Any:
        for name, reason in UNSERVED.items() if isinstance(body, dict) else ():
            if body.get(name):
                raise ValueError(f"{name}: {reason}")
        return body

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
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
