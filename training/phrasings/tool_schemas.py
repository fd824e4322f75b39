"""The orchestrator's own tools as OpenAI function schemas. A test compares them with the orchestrator's.

Knows names, descriptions and parameters only.
"""

from typing import Any

GENERATE_IMAGE = "generate_image"
READ_TEXT = "read_text"
EDIT_IMAGE = "edit_image"
_PAINT = (
    "Paint a new picture from a description. Call it whenever the user wants a picture drawn, painted, made or "
    "imagined. The picture is shown to the user by itself. The result names words that the painter does not know: "
    "tell the user, with {{image_1:unknown}} standing for them. Words in quotes in the prompt are set as type; the "
    "result's words says whether OCR reads them back (exact), or what it reads, or not_checked or not_set: tell "
    "the user where it is not exact."
)
_READ = (
    "Read all text in a picture exactly, by OCR. Call it for any question about words, numbers or codes in a "
    "picture; never transcribe them yourself. The lines come numbered. Put the returned handle in double braces, "
    "alone on a line, where the exact text shall stand: {{text_1}} for all of it, {{text_1:7}} for its line 7, "
    "{{text_1:3-5}} for its lines 3 to 5."
)
_EDIT = (
    "Change an existing picture, keeping the rest of it. Call it when the user wants something changed, added, "
    "removed or restyled in a picture of this conversation. The new picture is shown to the user by itself and has "
    "a handle of its own. Words in quotes in the prompt are set as type; the result's words says whether OCR reads "
    "them back (exact), or what it reads, or not_checked or not_set: tell the user where it is not exact."
)


def _own_schema(name: str, description: str, parameters: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": parameters, "required": required, "additionalProperties": False}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def generate_image_schema() -> dict[str, Any]:
    """Our tool that draws."""
    text = {"type": "string"}
    return _own_schema(GENERATE_IMAGE, _PAINT, {"prompt": text, "negative_prompt": text}, ["prompt"])


def read_text_schema(handles: list[str]) -> dict[str, Any]:
    """Our tool that reads one of the conversation's images."""
    return _own_schema(READ_TEXT, _READ, {"image": {"type": "string", "enum": handles}}, ["image"])


def edit_image_schema(handles: list[str]) -> dict[str, Any]:
    """Our tool that changes one of the conversation's images."""
    fields = {"image": {"type": "string", "enum": handles}, "prompt": {"type": "string"}}
    fields |= {"strength": {"type": "number"}, "box": {"type": "array", "items": {"type": "integer"}}}
    return _own_schema(EDIT_IMAGE, _EDIT, fields, ["image", "prompt"])
