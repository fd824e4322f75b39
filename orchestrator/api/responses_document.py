"""What the Responses API answers, for the OpenAPI document. A test holds the answers against it, to the field."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api import sse
from orchestrator.pictures import Format
from shared.job_base import Box

Status = Literal["in_progress", "completed", "incomplete"]


class Answered(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuoteAnnotation(Answered):
    """An extension, where the request has a `diptych` object or names `diptych:read_text`: what supports a quote."""

    type: Literal["diptych:quote"]
    start_index: int
    """In Unicode characters of the text, as the next one."""
    end_index: int
    image: str
    """The picture's handle; empty where it is not known any more."""
    text: str
    """The handle of what was read in it."""
    lines: list[int]
    """Numbers of the lines that it stands in, from 1."""
    boxes: list[tuple[float, float, float, float]]
    """Of those lines: left, top, right, bottom in pixels of the picture."""
    error_rate: float
    """Edit distance between what the VLM wrote and what was read, per character."""
    written: str | None
    """What the VLM wrote, where that was corrected."""


class OutputText(Answered):
    type: Literal["output_text"]
    text: str
    annotations: list[QuoteAnnotation]
    logprobs: list[Any] = Field(max_length=0)


class InputText(Answered):
    type: Literal["input_text"]
    text: str


class InputImage(Answered):
    """A picture that was sent; its link opens without a key."""

    type: Literal["input_image"]
    detail: Literal["auto"]
    file_id: None
    image_url: str


class Message(Answered):
    id: str
    type: Literal["message"]
    status: Status
    role: Literal["user", "assistant", "system", "developer"]
    content: list[Annotated[OutputText | InputText | InputImage, Field(discriminator="type")]]
    phase: Literal["commentary", "final_answer"] | None = None


class FunctionCall(Answered):
    id: str
    type: Literal["function_call"]
    status: Status
    call_id: str
    name: str
    arguments: str


class FunctionCallOutput(Answered):
    id: str
    type: Literal["function_call_output"]
    status: Literal["completed"]
    call_id: str
    output: str


class ToolError(Answered):
    type: Literal["tool_error"]
    code: str
    message: str


class ImageGenerationCall(Answered):
    """A picture; everything behind `result` is there once it is done."""

    id: str
    type: Literal["image_generation_call"]
    status: Literal["in_progress", "completed", "failed"]
    result: str | None
    """In base64."""
    action: Literal["generate", "edit"] | None = None
    background: Literal["opaque"] | None = None
    output_format: Format | None = None
    quality: str | None = None
    size: str | None = None
    revised_prompt: str | None = None
    """What the painter was told."""
    error: ToolError | None = None
    diptych: dict[str, Any] | None = None
    """Where the request has a `diptych` object: the response whose events show how it was painted, the arguments as
    the VLM wrote them, a link to the picture that is edited; and once it is done a link to it, seed, steps, `noise`
    (the share of its variance that was noise, before each step and after the last one), native size and more."""


class HostedCall(Answered):
    """A call of one of the model's own tools, named in the request."""

    id: str
    type: Literal["diptych:read_text_call", "diptych:look_closer_call"]
    status: Literal["in_progress", "completed", "failed"]
    image_url: str | None
    """The picture that it is about; the link opens without a key."""
    arguments: dict[str, Any]
    output: dict[str, Any] | None
    error: ToolError | None = None


class Compaction(Answered):
    id: str
    type: Literal["compaction"]
    encrypted_content: str


OutputItem = Annotated[
    Message | FunctionCall | ImageGenerationCall | HostedCall,
    Field(discriminator="type"),
]
InputItem = Annotated[
    Message | FunctionCall | FunctionCallOutput | ImageGenerationCall | HostedCall | Compaction,
    Field(discriminator="type"),
]


class ResponseError(Answered):
    code: str
    message: str


class IncompleteDetails(Answered):
    reason: Literal["max_output_tokens"]


class InputTokensDetails(Answered):
    cached_tokens: int
    cache_write_tokens: int
    image_tokens: int


class OutputTokensDetails(Answered):
    reasoning_tokens: int


class Usage(Answered):
    """Tokens of all questions to the VLM that the response took."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class ConversationName(Answered):
    id: str


class ResponseObject(Answered):
    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: bool
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    previous_response_id: str | None
    conversation: ConversationName | None
    prompt_cache_key: str | None
    reasoning: dict[str, Any]
    safety_identifier: str | None
    service_tier: Literal["default"]
    store: bool
    temperature: float
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    top_logprobs: Literal[0]
    top_p: float
    presence_penalty: float
    frequency_penalty: float
    truncation: Literal["auto", "disabled"]
    usage: Usage | None
    user: str | None
    metadata: dict[str, str]


class InputItemList(Answered):
    object: Literal["list"]
    data: list[InputItem]
    first_id: str | None
    last_id: str | None
    has_more: bool


class PictureText(Answered):
    """Heights are those of a capital letter, in pixels. What was found is null where the picture could not be looked
    at, or the VLM's reading was never measured; the note says which."""

    image: str
    """Its handle."""
    size: tuple[int, int]
    """Its width and height in pixels."""
    lines: int | None
    """Lines of text that were found in it."""
    unresolved_lines: int | None
    """Those that the VLM does not read by itself: OCR reads them before it answers."""
    unresolved_boxes: list[Box] | None
    """Around them: left, top, right, bottom in pixels of the picture."""
    smallest_px: float | None
    """Of the smallest line, in the picture; null where there is no text, as the next one."""
    seen_px: float | None
    """The same line as the VLM sees it, after its own resizing."""
    needed_px: int | None
    """From which on the VLM reads; null where it reads nothing, however large."""
    note: str
    """The same in a sentence, for people."""


class CountedTokensDetails(Answered):
    """An extension."""

    image_tokens: int
    """The part of them that are pictures; 0 where the VLM's server does not tell it."""

    images: list[PictureText]
    """What the VLM resolves of the text in each picture that a person brought."""


class InputTokens(Answered):
    object: Literal["response.input_tokens"]
    input_tokens: int
    input_tokens_details: CountedTokensDetails


class CompactedResponse(Answered):
    id: str
    object: Literal["response.compaction"]
    created_at: int
    output: list[Compaction]
    usage: Usage


class ResponseDeleted(Answered):
    id: str
    object: Literal["response"]
    deleted: Literal[True]


def answers(model: Any, description: str) -> dict[int | str, dict[str, Any]]:
    """What a route answers when all is well."""
    return {200: {"model": model, "description": description}}


RESPONSE = answers(ResponseObject, "The response.")
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ResponseObject,
        "description": "The response, or with `stream` its events as server-sent events.",
        "content": sse.DOCUMENTED,
    }
}
