"""Random parameters of every kind, and what people say to give their values.

Knows names, kinds and phrases (`words/function_*.txt`). Does not know functions.
"""

from random import Random

from training.phrasings.functions import Draft, Parameter, spoken
from training.phrasings.grammar import lines
from training.phrasings.subjects import nonsense


def _rows(name: str) -> list[list[str]]:
    return [line.split(" | ") for line in lines(name)]


def _drawn(rng: Random) -> tuple[Parameter, list[str]]:
    """A random parameter and the fragments of a message that give its value ({v}) by its name ({N})."""
    required, kind = rng.random() < 0.65, rng.random()
    if kind < 0.5:
        names, text, said = rng.choice(_rows("function_parameters"))
        parameter = Parameter(rng.choice(names.split()), text, required)
    elif kind < 0.7:
        names, bounds, said = rng.choice(_rows("function_numbers"))
        low, high = map(int, bounds.split("-"))
        of_kind = "number" if low == 5 or "weight" in names else "integer"
        parameter = Parameter(rng.choice(names.split()), of_kind, required, low, high)
    elif kind < 0.85:
        names, options = rng.choice(_rows("function_enums"))
        parameter = Parameter(rng.choice(names.split()), "enum", required, options=tuple(options.split(",")))
        said = "{v} / in {v} / as {v} / with {N} {v} / with {v} {N}"
    elif kind < 0.95:
        names, _, said = " | ".join(rng.choice(_rows("function_flags"))).partition(" | ")
        return Parameter(rng.choice(names.split()), "boolean", False), said.split(" / ")
    else:
        parameter = Parameter(nonsense(rng), rng.choice(("title", "code", "group")), required)
        said = "with {N} {v} / {N} {v}"
    return parameter, [
        *said.split(" / "),
        rng.choice(("with {N} {v}", "{N} {v}", "{N}: {v}", "{N} = {v}", "the {N} is {v}")),
    ]


def random_parameters(rng: Random) -> dict[str, tuple[Parameter, list[str]]]:
    """Up to four by name, mostly of different kinds, each with fragments that give its value."""
    found: dict[str, tuple[Parameter, list[str]]] = {}
    kinds: set[str] = set()
    for _ in range(rng.choices((0, 1, 2, 3, 4), (1, 4, 4, 2, 0.6))[0]):
        parameter, said = _drawn(rng)
        if parameter.name not in found and (parameter.kind not in kinds or parameter.kind in ("enum", "boolean")):
            found[parameter.name] = parameter, said
            kinds.add(parameter.kind)
    return found


def fragment(draft: Draft, parameter: Parameter, said: list[str], rng: Random) -> str:
    """Words of a message that give a parameter a value, which the draft takes note of."""
    words = rng.choice(said)
    if parameter.kind == "boolean":
        draft.arguments[parameter.name] = True
        return words
    return words.replace("{N}", spoken(parameter.name)).replace("{v}", draft.put(parameter, rng))
