"""Functions that clients bring, and people who want one of them: schemas, messages, arguments.

Knows how arguments become words of a message, and words arguments. Does not know which functions there are
(`known_functions`, `composed`).
"""

import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from training.phrasings.dressing import dress
from training.phrasings.function_values import number, value
from training.phrasings.grammar import expand, lines

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OPEN, _CLOSE = 0xE000, 0xE100
"""Private characters that stand around the k-th span of a message under construction."""


@dataclass(frozen=True)
class Parameter:
    """One parameter. `kind` is "integer", "number", "boolean", "enum", or a kind of text in `function_values`."""

    name: str
    kind: str
    required: bool = True
    low: int = 0
    high: int = 0
    options: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        if self.kind == "enum":
            return {"type": "string", "enum": list(self.options)}
        return {"type": self.kind if self.kind in ("integer", "number", "boolean") else "string"}


@dataclass(frozen=True)
class Wish:
    """A function, and a message that wants it called with these arguments; text arguments are spans of it."""

    function: dict[str, Any]
    message: str
    arguments: dict[str, Any]
    verb: str = ""
    noun: str = ""
    """What the function's name was made of, if of these."""


@dataclass
class Draft:
    """A message under construction: marks stand around its spans."""

    arguments: dict[str, Any] = field(default_factory=dict)
    spans: list[str] = field(default_factory=list)

    def put(self, parameter: Parameter, rng: Random) -> str:
        """Draws a value for a parameter, and returns the words for it."""
        if parameter.kind == "enum":
            chosen = rng.choice(parameter.options)
            self.arguments[parameter.name] = chosen
            return chosen.replace("_", " ")
        if parameter.kind in ("integer", "number"):
            amount, words = number(parameter.low, parameter.high, rng, whole=parameter.kind == "integer")
            self.arguments[parameter.name] = amount
            return words
        self.spans.append(parameter.name)
        at = len(self.spans) - 1
        return f"{chr(_OPEN + at)}{value(parameter.kind, rng)}{chr(_CLOSE + at)}"

    def finish(self, message: str, parameters: tuple[Parameter, ...], rng: Random) -> tuple[str, dict[str, Any]]:
        """The dressed message without marks, and all arguments in the order of the schema."""
        message = _dressed(message, rng)
        for at, name in enumerate(self.spans):
            head, _, rest = message.partition(chr(_OPEN + at))
            span, _, tail = rest.partition(chr(_CLOSE + at))
            message, self.arguments[name] = head + span + tail, span
        spans = {name: re.sub("[\ue000-\ue1ff]", "", self.arguments[name]) for name in self.spans}
        arguments = self.arguments | spans
        return message, {each.name: arguments[each.name] for each in parameters if each.name in arguments}


def _dressed(message: str, rng: Random) -> str:
    if rng.random() < 0.25:
        joint = rng.choice((" ", " ", ", ", ". ", " - "))
        message = f"{message}{joint}{expand(rng.choice(lines('function_closers')), rng)}"
    if rng.random() < 0.12:
        message = f"{rng.choice(lines('openers'))} {message}"
    asked = message.lower().startswith(("can", "could", "what", "how", "is", "where", "when", "will", "do", "who"))
    return dress(message, rng, question=asked)


def function_schema(name: str, description: str, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """One entry of a request's `tools`."""
    properties = {each.name: each.schema for each in parameters}
    required = [each.name for each in parameters if each.required]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def spoken(name: str) -> str:
    """An identifier as words: "startTime" and "start_time" are "start time"."""
    return _CAMEL.sub(" ", name).replace("_", " ").replace("-", " ").lower()


def camel(name: str) -> str:
    """ "start_time" as "startTime"."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
