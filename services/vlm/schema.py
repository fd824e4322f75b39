"""Questions about a tool's JSON Schema. Knows JSON Schema; knows no tokens."""

from typing import Any

from services.vlm.request import ToolSpec

COMBINERS = frozenset({"allOf", "anyOf", "oneOf", "$ref", "patternProperties", "additionalProperties"})
LITERAL = frozenset({"enum", "const", "default", "examples"})
BOUND = frozenset({"enum", "const", "pattern", "format"})
LARGEST_WHOLE = 2**53 - 1
"""Up to here every reader of JSON takes whole numbers for the same (RFC 8259, section 6)."""


def parameters(tool: ToolSpec) -> dict[str, Any]:
    """The schema of a tool's arguments: an object that has no properties but the named ones, unless it says so itself.

    JSON Schema allows further properties by default; a model that is free to invent arguments will.
    """
    schema = tool.function.parameters or {}
    return closed({"type": "object", "properties": {}, **schema})


def closed(schema: Any) -> Any:
    """`schema` with `additionalProperties: false` in each object that names its properties and combines no schemas.

    Whole numbers are bounded by LARGEST_WHOLE besides: a small model may find no end to their digits.
    """
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: value if key in LITERAL else closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema and not COMBINERS & schema.keys():
        inner["additionalProperties"] = False
    if schema.get("type") == "integer":
        inner = {"minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE} | inner
    return inner


def free_strings(tool: ToolSpec) -> frozenset[str]:
    """Names of the tool's arguments that are plain strings: no enum, const, pattern or format."""
    properties = parameters(tool).get("properties")
    if not isinstance(properties, dict):
        return frozenset()
    return frozenset(
        name
        for name, schema in properties.items()
        if isinstance(schema, dict) and schema.get("type") == "string" and not BOUND & schema.keys()
    )
