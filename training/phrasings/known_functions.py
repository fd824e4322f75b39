"""Functions that are written by hand (`words/functions.txt`), with what people say for them. Whole ones are held out.

Does not know conversations. See `composed` for functions made of a verb and a noun.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from zlib import crc32

from training.phrasings.functions import Draft, Parameter, Wish, camel, function_schema
from training.phrasings.grammar import choose, lines

ONE_IN = 6
"""One in so many functions and nouns is held out."""
_FIXED = re.compile(r"\{(\w+)=(\w+)\}")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Known:
    """One hand-written function: its names, descriptions, parameters (each with its names), and messages."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]
    parameters: tuple[tuple[tuple[str, ...], Parameter], ...]
    messages: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether training never shows it."""
        return crc32(self.names[0].encode()) % ONE_IN == 0


def _parameter(words: str) -> tuple[tuple[str, ...], Parameter]:
    names, kind, *rest = words.split(":")
    plain = tuple(name.rstrip("?") for name in names.split("|"))
    required = "?" not in names
    if kind in ("int", "number"):
        low, high = (int(bound) for bound in rest[0].split("-"))
        return plain, Parameter(plain[0], "integer" if kind == "int" else "number", required, low, high)
    if kind == "enum":
        return plain, Parameter(plain[0], "enum", required, options=tuple(rest[0].split(",")))
    return plain, Parameter(plain[0], "boolean" if kind == "bool" else kind, required)


@lru_cache(maxsize=1)
def known_functions() -> tuple[Known, ...]:
    """All functions of `words/functions.txt`."""
    found: list[Known] = []
    for block in "\n".join(lines("functions")).removeprefix("# ").split("\n# "):
        head, parameters, *messages = block.split("\n")
        names, _, descriptions = head.partition(" | ")
        found.append(
            Known(
                tuple(names.split()),
                tuple(descriptions.split(" / ")),
                tuple(map(_parameter, parameters.split())),
                tuple(messages),
            )
        )
    return tuple(found)


def known_wish(rng: Random, *, held_out: bool = False) -> Wish:
    """Somebody wants one of the hand-written functions."""
    known = rng.choice([each for each in known_functions() if each.is_held_out == held_out])
    name = rng.choice(known.names)
    renamed: dict[str, Parameter] = {}
    for number_, (names, parameter) in enumerate(known.parameters, 1):
        chosen = names[0] if rng.random() < 0.5 else rng.choice(names)
        chosen = camel(chosen) if name != name.lower() else chosen
        new = replace(parameter, name=chosen)
        renamed[str(number_)] = renamed[names[0]] = new
    parameters = tuple(renamed[str(at)] for at in range(1, len(known.parameters) + 1))
    draft = Draft()
    message = choose(rng.choice(known.messages), rng)
    for slot, setting in _FIXED.findall(message):
        draft.arguments[renamed[slot].name] = setting == "true"
    message = _SLOT.sub(lambda slot: draft.put(renamed[slot[1]], rng), _FIXED.sub("", message))
    message, arguments = draft.finish(message, parameters, rng)
    description = rng.choice(known.descriptions) if rng.random() < 0.85 else ""
    return Wish(function_schema(name, description, parameters), message, arguments)
