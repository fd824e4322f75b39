"""The functions that a chat completion's request brings along, and which of them shall be called."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from orchestrator.api.body import Body, Text
from orchestrator.api.chat_messages import FunctionName
from orchestrator.tools.functions import Functions

MAX_FUNCTIONS = 128


def _is_json(schema: dict[str, Any]) -> dict[str, Any]:
    """What Python reads as JSON may hold NaN and half characters, which no server takes."""
    try:
        json.dumps(schema, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("the schema holds NaN, Infinity, half a Unicode character, or is nested too deeply") from None
    return schema


Schema = Annotated[dict[str, Any], AfterValidator(_is_json)]


class FunctionDefinition(Body):
    name: FunctionName
    description: Text | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class FunctionTool(Body):
    type: Literal["function"]
    function: FunctionDefinition


class NamedFunction(Body):
    name: str


class NamedChoice(Body):
    type: Literal["function"]
    function: NamedFunction


ToolChoice = Literal["auto", "none", "required"] | NamedChoice


def check_choice(tools: list[FunctionTool] | None, choice: ToolChoice | None) -> None:
    """Raise ValueError, with a sentence, where names repeat or the choice cannot be met."""
    names = [tool.function.name for tool in tools or ()]
    if len(set(names)) < len(names):
        raise ValueError("tools: two functions have the same name")
    if choice == "required" and not names:
        raise ValueError("tool_choice: it is required, but there are no tools")
    if isinstance(choice, NamedChoice) and choice.function.name not in names:
        raise ValueError("tool_choice: it names a function that is not among tools")


def functions_of(tools: list[FunctionTool] | None, choice: ToolChoice | None, *, parallel: bool) -> Functions:
    """The functions as the agent loop takes them."""
    return Functions(
        schemas=tuple(tool.model_dump(exclude_none=True) for tool in tools or ()),
        choice=choice.function.name if isinstance(choice, NamedChoice) else choice or "auto",
        parallel=parallel,
    )
