"""The messages of a chat completion's request, and the rule that every call of a function gets its output."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body, Text

FunctionName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class TextContent(Body):
    type: Literal["text"]
    text: Text


class ImageUrl(Body):
    url: str


class ImageContent(Body):
    type: Literal["image_url"]
    image_url: ImageUrl


class FileSource(Body):
    """An uploaded file by its id, or a file inline as base64 or a data URL."""

    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.file_id is None) == (self.file_data is None):
            raise ValueError("give either file_id or file_data")
        return self


class FileContent(Body):
    type: Literal["file"]
    file: FileSource


UserContent = Annotated[TextContent | ImageContent | FileContent, Field(discriminator="type")]


class SystemMessage(Body):
    role: Literal["system", "developer"]
    content: Text | list[TextContent]


class UserMessage(Body):
    role: Literal["user"]
    content: Text | list[UserContent] = Field(min_length=1)


class CalledFunction(Body):
    name: FunctionName
    arguments: Text


class FunctionCall(Body):
    id: Text = Field(min_length=1, max_length=200)
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Body):
    role: Literal["assistant"]
    content: Text | list[TextContent] | None = None
    tool_calls: list[FunctionCall] | None = None


class ToolMessage(Body):
    role: Literal["tool"]
    tool_call_id: Text
    content: Text | list[TextContent]


ChatMessage = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


def check_outputs(messages: list[ChatMessage]) -> None:
    """Every output belongs to a call right before it, and every call has its output before anybody says more.

    Raises:
        ValueError: a sentence that says which message is at fault.
    """
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in open_calls:
                raise ValueError(f"messages.{at}: this output answers no call of the assistant's message before it")
            open_calls.remove(message.tool_call_id)
            continue
        if open_calls:
            raise ValueError(f"messages.{at}: first give the outputs of the calls {', '.join(sorted(open_calls))}")
        calls = message.tool_calls if isinstance(message, AssistantMessage) else None
        open_calls = {call.id for call in calls or ()}
    if open_calls:
        raise ValueError(f"messages: the outputs of the calls {', '.join(sorted(open_calls))} are missing")


def says_something(message: UserMessage) -> bool:
    if isinstance(message.content, str):
        return bool(message.content.strip())
    return any(not isinstance(part, TextContent) or part.text.strip() for part in message.content)
