"""Values that people give to functions: places, times, titles, codes, as words of a message.

Knows how such values look. Does not know functions.
"""

import re
from collections.abc import Callable
from random import Random

from training.phrasings.grammar import choose, fill, lines, sections
from training.phrasings.subjects import nonsense

_SLOT = re.compile(r"\{(\w+)\}")
_OFFICES = ("Sales", "Support", "Accounting", "Berlin", "HR", "the bank", "school")
_JOBS = ("plumber", "teacher", "doctor", "landlord", "manager", "coach", "dentist", "neighbour", "supplier", "editor")
NUMBER_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
LAST_IN_MESSAGE = frozenset({"sentence", "reason"})
"""Kinds whose values have no clear end: what follows them would belong to them."""


def _letters(rng: Random) -> str:
    return "".join(rng.choice("ABCDEFGHKLMNPRSTUVWXZ") for _ in range(rng.randint(1, 3)))


def _number(rng: Random) -> str:
    return str(rng.randint(2, rng.choice((20, 99, 999))))


_MAKERS: dict[str, Callable[[Random], str]] = {
    "nonsense": nonsense,
    "Nonsense": lambda rng: nonsense(rng).capitalize(),
    "int": _number,
    "digit": lambda rng: str(rng.randint(1, 9)),
    "bit": lambda rng: str(rng.randint(0, 1)),
    "hour": lambda rng: str(rng.randint(1, 12)),
    "day": lambda rng: str(rng.randint(1, 28)),
    "LETTERS": _letters,
    "office": lambda rng: rng.choice(_OFFICES),
    "person_job": lambda rng: rng.choice(_JOBS),
    "code": lambda rng: value("code", rng),
    "noun": lambda rng: rng.choice(lines("nouns")),
}


def made(template: str, rng: Random) -> str:
    """A template with its alternatives chosen; every slot is filled anew."""
    skeleton = choose(template, rng)
    filled = _SLOT.sub(lambda slot: _MAKERS[slot[1]](rng) if slot[1] in _MAKERS else slot[0], skeleton)
    return fill(filled, rng, {})


def value(kind: str, rng: Random) -> str:
    """A value of a kind of `words/function_values.txt`, without mark at its edges."""
    return made(rng.choice(sections("function_values")[kind]), rng)


def number(low: int, high: int, rng: Random, *, whole: bool) -> tuple[int | float, str]:
    """A number, and how it is written."""
    if not whole and rng.random() < 0.25:
        amount = round(rng.uniform(low, high), rng.choice((1, 2)))
        return amount, str(amount)
    count = rng.randint(low, high)
    if count < len(NUMBER_WORDS) and rng.random() < 0.2:
        return count, NUMBER_WORDS[count]
    return count, str(count)
