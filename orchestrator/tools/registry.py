"""All tools: their schemas for the VLM, and the one place where a call is validated."""

import json
from typing import Any

from pydantic import ValidationError

from orchestrator.conversation import Conversation
from orchestrator.tools.base import Arguments, Tool
from orchestrator.tools.compose_text import ComposeTextTool
from orchestrator.tools.edit_image import EditImageTool
from orchestrator.tools.generate_image import GenerateImageTool
from orchestrator.tools.look_closer import LookCloserTool
from orchestrator.tools.read_text import ReadTextTool
from shared.errors import ToolArgumentsInvalid

TOOLS: tuple[Tool, ...] = (GenerateImageTool(), ReadTextTool(), EditImageTool(), LookCloserTool(), ComposeTextTool())
MAX_ARGUMENT_CHARS = 32_768


def schemas(conversation: Conversation) -> list[dict[str, Any]]:
    """The tools that this conversation has a use for, in OpenAI's form."""
    found = []
    for tool in TOOLS:
        parameters = tool.parameters(conversation)
        if parameters is not None:
            function = {"name": tool.name, "description": tool.description, "parameters": parameters}
            found.append({"type": "function", "function": function})
    return found


def item_prefix(name: str) -> str:
    """What the ids of calls to that tool begin with."""
    return next((tool.item_prefix for tool in TOOLS if tool.name == name), "tc")


def validate(name: str, arguments: str) -> tuple[Tool, Arguments]:
    """The tool and its arguments. Raises ToolArgumentsInvalid with a sentence that the VLM can act on."""
    tool = next((tool for tool in TOOLS if tool.name == name), None)
    if tool is None:
        known = ", ".join(tool.name for tool in TOOLS)
        raise ToolArgumentsInvalid(f"There is no tool {name[:80]!r}. The tools are: {known}.")
    if len(arguments) > MAX_ARGUMENT_CHARS:
        raise ToolArgumentsInvalid("The arguments are too long.")
    try:
        parsed = json.loads(arguments, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
        return tool, tool.arguments.model_validate(parsed)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:5])
        raise ToolArgumentsInvalid(f"The arguments of {name} are wrong: {problems}.") from error
    except (ValueError, RecursionError) as error:
        raise ToolArgumentsInvalid(f"The arguments of {name} are not one JSON object.") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values under one key are a way to smuggle one past a check."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
