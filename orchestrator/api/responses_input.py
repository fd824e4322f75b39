"""The input items of a response's request: what a client may say, give back, or name by id."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from orchestrator.api.body import Body, Id, Text
from orchestrator.api.chat_messages import FunctionName


class InputText(Body):
    type: Literal["input_text"]
    text: Text


class InputImage(Body):
    type: Literal["input_image"]
    detail: Literal["auto", "low", "high", "original"] | None = None
    """Changes nothing: pictures are always shown to the VLM as it takes them in."""
    image_url: str | None = None
    file_id: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.image_url is None) == (self.file_id is None):
            raise ValueError("give either image_url or file_id")
        return self


class InputFile(Body):
    type: Literal["input_file"]
    file_id: str | None = None
    file_data: str | None = None
    filename: Text | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.file_id is None) == (self.file_data is None):
            raise ValueError("give either file_id or file_data")
        return self


class OutputText(Body):
    type: Literal["output_text"]
    text: Text


class Refusal(Body):
    type: Literal["refusal"]
    refusal: Text


InputPart = Annotated[InputText | InputImage | InputFile, Field(discriminator="type")]
OutputPart = Annotated[OutputText | Refusal | InputText, Field(discriminator="type")]


class UserMessage(Body):
    type: Literal["message"] = "message"
    id: Id | None = None
    role: Literal["user"]
    content: Text | list[InputPart]


class SystemMessage(Body):
    type: Literal["message"] = "message"
    id: Id | None = None
    role: Literal["system", "developer"]
    content: Text | list[InputText]


class AssistantMessage(Body):
    type: Literal["message"] = "message"
    id: Id | None = None
    role: Literal["assistant"]
    content: Text | list[OutputPart]
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCall(Body):
    type: Literal["function_call"]
    id: Id | None = None
    call_id: Id
    name: FunctionName
    arguments: Text


class FunctionCallOutput(Body):
    type: Literal["function_call_output"]
    id: Id | None = None
    call_id: Id
    output: Text | list[InputText]


class ImageGenerationCall(Body):
    """A picture that was made here before: by its id, or whole as it was given out."""

    type: Literal["image_generation_call"]
    id: Id
    result: str | None = None
    """The picture in base64."""


class ItemReference(Body):
    type: Literal["item_reference"] = "item_reference"
    id: Id


class CompactionItem(Body):
    """An earlier part of the conversation, as `/v1/responses/compact` shortened it."""

    type: Literal["compaction"]
    id: Id | None = None
    encrypted_content: Text = Field(max_length=10 * 2**20)


class Reasoning(Body):
    """Taken and left alone: the models here keep no reasoning between turns."""

    type: Literal["reasoning"]


class HostedCall(Body):
    """A call of a hosted extension, given back; what came of it stands in the answer already."""

    type: Annotated[str, Field(pattern=r"^diptych:[A-Za-z0-9_]+_call$")]


def _kind(value: Any) -> str | None:
    """Which model an item is for: messages and references may leave their type out."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type") or ("message" if "role" in value else "item_reference")
    if kind == "message":
        kind = "system" if value.get("role") == "developer" else value.get("role")
    if not isinstance(kind, str):
        return None
    return "hosted" if kind.startswith("diptych:") else kind


InputItem = Annotated[
    Annotated[UserMessage, Tag("user")]
    | Annotated[SystemMessage, Tag("system")]
    | Annotated[AssistantMessage, Tag("assistant")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[FunctionCallOutput, Tag("function_call_output")]
    | Annotated[ImageGenerationCall, Tag("image_generation_call")]
    | Annotated[ItemReference, Tag("item_reference")]
    | Annotated[CompactionItem, Tag("compaction")]
    | Annotated[Reasoning, Tag("reasoning")]
    | Annotated[HostedCall, Tag("hosted")],
    Discriminator(
        _kind, custom_error_type="unknown_item", custom_error_message="there is no such kind of input item here"
    ),
]
