"""The tools a conversation may offer, as OpenAI function schemas: ours, and others that clients bring.

Knows names and parameters only.
"""

from random import Random
from typing import Any

GENERATE_IMAGE = "generate_image"
READ_TEXT = "read_text"
_OTHERS: dict[str, tuple[str, ...]] = {
    "edit_image": ("image", "prompt"),
    "look_closer": ("image", "box"),
    "compose_text": ("image", "text"),
    "get_weather": ("city",),
    "search": ("query",),
    "web_search": ("query", "limit"),
    "send_email": ("to", "subject", "body"),
    "set_timer": ("minutes",),
    "calculator": ("expression",),
    "run_code": ("language", "code"),
    "get_time": ("timezone",),
    "translate": ("text", "target"),
    "play_music": ("song",),
    "get_stock_price": ("ticker",),
}


def function_schema(name: str, parameters: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """One entry of a request's `tools`."""
    schema = {"type": "object", "properties": parameters, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": f"{name}.", "parameters": schema}}


def generate_image_schema() -> dict[str, Any]:
    """Our tool that draws."""
    text = {"type": "string"}
    return function_schema(GENERATE_IMAGE, {"prompt": text, "negative_prompt": text}, ["prompt"])


def read_text_schema(handles: list[str]) -> dict[str, Any]:
    """Our tool that reads one of the conversation's images."""
    return function_schema(READ_TEXT, {"image": {"type": "string", "enum": handles}}, ["image"])


def other_schemas(rng: Random) -> list[dict[str, Any]]:
    """One to three tools that are not ours."""
    names = rng.sample(sorted(_OTHERS), rng.randint(1, 3))
    return [function_schema(name, {key: {"type": "string"} for key in _OTHERS[name]}, []) for name in names]
