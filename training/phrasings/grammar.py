"""Templates with alternatives: `[draw|paint] [me |]{x}` stands for four skeletons.

Knows the syntax and the word lists. Does not know what a template means.
"""

import re
from functools import lru_cache
from math import prod
from pathlib import Path
from random import Random

from training.world import THINGS

WORDS = Path(__file__).parent / "words"
SPAN_OPEN, SPAN_CLOSE = "\x01", "\x02"
"""Stand around a span inside a message that is still being put together."""
_INNERMOST = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=64)
def lines(name: str) -> tuple[str, ...]:
    """The templates of `words/NAME.txt`."""
    text = (WORDS / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip())


@lru_cache(maxsize=8)
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """The templates of a file whose sections begin with `# title`."""
    found: dict[str, list[str]] = {}
    for line in lines(name):
        if line.startswith("# "):
            found[line[2:]] = []
        else:
            found[next(reversed(found))].append(line)
    return {title: tuple(templates) for title, templates in found.items()}


def choose(template: str, rng: Random) -> str:
    """One of the skeletons a template stands for; slots stay."""
    while "[" in template:
        template = _INNERMOST.sub(lambda match: rng.choice(match[1].split("|")), template)
    return template


def count_skeletons(template: str) -> int:
    """How many skeletons a template stands for."""
    while "[" in template:
        template = _INNERMOST.sub(lambda m: f"#{sum(map(_product, m[1].split('|')))}#", template)
    return _product(template)


def _product(part: str) -> int:
    """What the counts ("#12#") in a part of a template multiply to."""
    return prod(int(count) for count in re.findall(r"#(\d+)#", part))


def fill(skeleton: str, rng: Random, slots: dict[str, str]) -> str:
    """Puts words into every slot: from `slots`, else from the list of that name.

    Raises KeyError for a slot that is neither.
    """

    def word(match: re.Match[str]) -> str:
        name = match[1]
        if name in slots:
            return slots[name]
        if name == "number":
            return str(rng.randint(2, 99))
        return fill(choose(rng.choice(lines(SLOT_LISTS[name])), rng), rng, slots)

    return _SLOT.sub(word, skeleton)


SLOT_LISTS = {
    "v": "verbs",
    "ving": "gerunds",
    "get": "getting",
    "rv": "reading_verbs",
    "it": "its",
    "doc": "documents",
    "person": "persons",
    "noun": "nouns",
    "adj": "adjectives",
    "country": "countries",
    "name": "names",
    "thing_for": "thing_for",
    "attr": "attributes",
    "noun_doc": "noun_docs",
}
"""Which list fills a slot by itself."""
_THING = "(?:" + "|".join(name for thing in THINGS for name in (thing.name, *thing.synonyms)) + ")"
_THINGS = "(?:" + "|".join(thing.plural for thing in THINGS) + ")"
OPEN_SLOTS = {
    "number": r"\d+",
    "img": r"(?:(?:the )?\w+ (?:image|picture|photo|one|page)|(?:image|picture|photo)[_ ]\d+)",
    "thing": _THING,
    "things": _THINGS,
}
"""Patterns of the slots that callers fill."""


def expand(template: str, rng: Random, slots: dict[str, str] | None = None) -> str:
    """A template with its alternatives chosen and its slots filled."""
    return fill(choose(template, rng), rng, slots or {})


def as_pattern(template: str, kept: frozenset[str] = frozenset({"x", "n", "d"})) -> str:
    """A regular expression for everything the template can produce, with the slots in `kept` left as they are."""
    pattern = re.escape(template)
    pattern = pattern.replace(r"\[", "(?:").replace(r"\]", ")").replace(r"\|", "|")

    def slot(match: re.Match[str]) -> str:
        name = match[1]
        if name in kept:
            return match[0]
        if name not in SLOT_LISTS:
            return OPEN_SLOTS[name]
        return "(?:" + "|".join(as_pattern(line, kept) for line in lines(SLOT_LISTS[name])) + ")"

    return re.sub(r"\\\{(\w+)\\\}", slot, pattern)
