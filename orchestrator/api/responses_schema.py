"""The body of `POST /v1/responses`, as far as it is served here. Fields that change nothing are ignored or echoed."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from orchestrator.api.body import Body, DiptychOptions, Id, Text
from orchestrator.api.chat_tools import Schema
from orchestrator.api.given_call import ResponseOptions
from orchestrator.api.image_tool import ImageGenerationTool
from orchestrator.api.models import MODEL
from orchestrator.api.responses_input import InputItem
from orchestrator.api.responses_tools import MAX_TOOLS, ResponseTool, ToolChoice, check_tools, functions_of
from orchestrator.tools.base import PaintingOptions
from orchestrator.tools.functions import Functions
from orchestrator.vlm.client import Sampling

MAX_COUNT = 2**31 - 1
Label = Annotated[Text, StringConstraints(max_length=512)]
Metadata = Annotated[dict[Annotated[Text, StringConstraints(max_length=64)], Label], Field(max_length=16)]


class TextFormat(Body):
    type: Literal["text"]


class JsonObjectFormat(Body):
    type: Literal["json_object"]


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    schema_: Schema = Field(alias="schema")
    description: Text | None = None
    strict: bool | None = None


class TextOptions(Body):
    format: Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")] = TextFormat(
        type="text"
    )

    @property
    def response_format(self) -> dict[str, Any] | None:
        """In the form of chat completions; None for plain text."""
        if isinstance(self.format, TextFormat):
            return None
        if isinstance(self.format, JsonObjectFormat):
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": self.format.model_dump(by_alias=True, exclude={"type"})}


class ReasoningOptions(Body):
    """Echoed: the models here do not reason aloud."""

    effort: Text | None = None
    summary: Text | None = None


class ConversationName(Body):
    id: Id


class ContextRequest(Body):
    """What a VLM is to be shown: all that decides how many tokens a request's input takes."""

    model: str
    input: Text | list[InputItem] | None = None
    instructions: Text | None = None
    previous_response_id: Id | None = None
    conversation: Id | ConversationName | None = None
    tools: list[ResponseTool] = Field(default=[], max_length=MAX_TOOLS)
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    text: TextOptions = TextOptions()
    truncation: Literal["auto", "disabled"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, body: Any) -> Any:
        return {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else body

    @model_validator(mode="after")
    def _can_be_served(self) -> Self:
        if self.conversation is not None and self.previous_response_id is not None:
            raise ValueError("conversation: a response goes on from a conversation or a previous_response_id, not both")
        if not self.input and self.previous_response_id is None and self.conversation is None:
            raise ValueError("input: it is empty; say something, or name a conversation or previous_response_id")
        check_tools(self.tools, self.tool_choice)
        return self

    @property
    def conversation_id(self) -> str | None:
        return self.conversation.id if isinstance(self.conversation, ConversationName) else self.conversation

    @property
    def image_tool(self) -> ImageGenerationTool | None:
        return next((tool for tool in self.tools if isinstance(tool, ImageGenerationTool)), None)

    @property
    def functions(self) -> Functions:
        return functions_of(self.tools, self.tool_choice, parallel=self.parallel_tool_calls is not False)


class CountRequest(ContextRequest):
    """Nothing is asked of the model, so it need not be named."""

    model: str = MODEL


class CompactRequest(ContextRequest):
    """Nothing has to fit together yet: it only gets shorter."""


class ResponseRequest(ContextRequest):
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_logprobs: Literal[0] | None = None
    max_output_tokens: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    max_tool_calls: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    metadata: Metadata | None = None
    reasoning: ReasoningOptions | None = None
    service_tier: str | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None
    user: Label | None = None
    prompt: Any = None
    diptych: ResponseOptions | None = None

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if self.prompt is not None:
            raise ValueError("prompt: no prompts are kept here; send their text as instructions or input")
        if self.background and self.store is False:
            raise ValueError("background: what runs in the background must be stored; leave store out")
        if self.conversation is not None and self.store is False:
            raise ValueError("store: what belongs to a conversation is stored; leave store or conversation out")
        return self

    @property
    def stored(self) -> bool:
        return self.store is not False

    @property
    def painting(self) -> PaintingOptions:
        own = self.diptych or DiptychOptions()
        return (self.image_tool.options(own) if self.image_tool else own).painting

    @property
    def sampling(self) -> Sampling:
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_output_tokens,
            response_format=self.text.response_format,
        )
