"""The tools that a response's request brings along or names, and which of them may be called."""

from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.api.body import Body, Text
from orchestrator.api.chat_messages import FunctionName
from orchestrator.api.chat_tools import Schema
from orchestrator.api.image_tool import ImageGenerationTool
from orchestrator.tools.functions import Functions

MAX_TOOLS = 128
PAINTING = {
    "auto": ("generate_image", "edit_image", "compose_text"),
    "generate": ("generate_image",),
    "edit": ("edit_image", "compose_text"),
}
"""What OpenAI's `image_generation` is here, by its `action`."""
HOSTED = {
    "diptych:read_text": ("read_text",),
    "diptych:look_closer": ("look_closer",),
    "image_generation": PAINTING["auto"],
}
"""Each hosted tool's type, and the names of our own tools behind it."""
NEVER_FORCED = frozenset({"compose_text"})
"""Who must call `image_generation` paints or edits: words are set over a picture where the model finds it right."""


class FunctionTool(Body):
    type: Literal["function"]
    name: FunctionName
    description: Text | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class HostedTool(Body):
    """An extension: its calls are shown as items of the output."""

    type: Literal["diptych:read_text", "diptych:look_closer"]


ResponseTool = Annotated[FunctionTool | ImageGenerationTool | HostedTool, Field(discriminator="type")]


class NamedFunction(Body):
    type: Literal["function"]
    name: str


class NamedTool(Body):
    type: Literal["image_generation", "diptych:read_text", "diptych:look_closer"]


class AllowedTools(Body):
    """Only some of `tools` may be called in this request."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"] = "auto"
    tools: list[Annotated[NamedFunction | NamedTool, Field(discriminator="type")]] = Field(max_length=MAX_TOOLS)


ToolChoice = (
    Literal["auto", "none", "required"]
    | Annotated[NamedFunction | NamedTool | AllowedTools, Field(discriminator="type")]
)


def name_of(tool: ResponseTool | NamedFunction | NamedTool) -> str:
    """What tells a tool from the others: a function's name, or the type of a hosted one."""
    return tool.name if isinstance(tool, FunctionTool | NamedFunction) else tool.type


def check_tools(tools: list[ResponseTool], choice: ToolChoice) -> None:
    """Raise ValueError, with a sentence, where names repeat or the choice cannot be met."""
    names = [name_of(tool) for tool in tools]
    if len(set(names)) < len(names):
        raise ValueError("tools: two of them have the same name")
    chosen = choice.tools if isinstance(choice, AllowedTools) else []
    if isinstance(choice, NamedFunction | NamedTool):
        chosen = [choice]
    missing = [name_of(tool) for tool in chosen if name_of(tool) not in names]
    if missing:
        raise ValueError(f"tool_choice: {missing[0]} is not among tools")


def functions_of(tools: list[ResponseTool], choice: ToolChoice, *, parallel: bool) -> Functions:
    """The functions, and what may be called, as the agent loop takes them."""
    named = {name_of(tool) for tool in tools}
    allowed = named
    wanted = choice if isinstance(choice, str) else "auto"
    first: frozenset[str] = frozenset()
    if isinstance(choice, AllowedTools):
        allowed, wanted = {name_of(tool) for tool in choice.tools}, choice.mode
    elif isinstance(choice, NamedFunction):
        wanted = choice.name
    elif isinstance(choice, NamedTool):
        first = frozenset(HOSTED[choice.type]) - NEVER_FORCED
    return Functions(
        schemas=tuple(_schema(tool) for tool in tools if isinstance(tool, FunctionTool) and tool.name in allowed),
        choice=wanted,
        parallel=parallel,
        first=first,
        without=frozenset(own for kind in HOSTED if kind in named - allowed for own in HOSTED[kind]) | _unwanted(tools),
    )


def _unwanted(tools: list[ResponseTool]) -> frozenset[str]:
    """What the `action` of `image_generation` leaves out."""
    images = next((tool for tool in tools if isinstance(tool, ImageGenerationTool)), None)
    return frozenset(PAINTING["auto"]) - frozenset(PAINTING[images.action if images else "auto"])


def _schema(tool: FunctionTool) -> dict[str, Any]:
    """A function in the form of chat completions, which VLM servers take."""
    return {"type": "function", "function": tool.model_dump(exclude={"type"}, exclude_none=True)}
