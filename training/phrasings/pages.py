"""Pages that people have read to them, line by line.

Receipts, invoices, error screens, letters, labels … from `words/page_kinds.txt`; labels, values and questions of
each fact from `words/pages.txt`. Kinds, labels and questions marked with ~ are for evaluation only, and so are
dotted leaders between label and value. Does not know conversations or handles.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from training.phrasings.function_values import value
from training.phrasings.grammar import lines, sections
from training.phrasings.page_values import cased, money, page_value
from training.phrasings.subjects import nonsense


@dataclass
class Page:
    """Lines, and where each fact stands, from 1. `words` are what a fact without a fixed name is called."""

    lines: list[str] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def numbered(self) -> str:
        """As `read_text` gives it: "1: first line" and so on."""
        return "\n".join(f"{number}: {line}" for number, line in enumerate(self.lines, 1))


@lru_cache(maxsize=1)
def facts() -> dict[str, tuple[list[str], str, list[str]]]:
    """Of each fact: labels, template of values, questions."""
    found: dict[str, tuple[list[str], str, list[str]]] = {}
    for name, (labels, values, *questions) in sections("pages").items():
        found[name] = labels.removeprefix("label: ").split("|"), values.removeprefix("value: "), questions
    return found


@lru_cache(maxsize=2)
def _kinds(held_out: bool) -> tuple[list[str], ...]:
    rows = (line.split(": ") for line in lines("page_kinds"))
    return tuple(parts.split() for name, parts in rows if name.endswith("~") == held_out)


def seen(options: list[str], rng: Random, *, held_out: bool) -> str:
    """One of the options; of those marked ~ only where something held out is wanted, and then mostly."""
    marked = [each[1:].lstrip() for each in options if each.startswith("~")]
    if held_out and marked and rng.random() < 0.5:
        return rng.choice(marked)
    return rng.choice([each for each in options if not each.startswith("~")])


def _own_label(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.4:
        return nonsense(rng)
    noun = rng.choice(lines("nouns"))
    return noun if kind < 0.75 else f"{rng.choice(lines('adjectives'))} {noun}"


def _add_item(page: Page, rng: Random) -> None:
    words = rng.choice(lines("nouns")) if rng.random() < 0.7 else nonsense(rng)
    if words in page.words.values():
        return
    name = f"item {len(page.words)}"
    amount = f"{rng.randint(2, 9)} x " if rng.random() < 0.2 else ""
    page.lines.append(f"{amount}{cased(words, rng)}{rng.choice((' ', ' ', ': ', '  '))}{money(rng)}")
    page.facts[name], page.words[name] = len(page.lines), words


def _add_labelled(page: Page, rng: Random) -> None:
    words = _own_label(rng)
    if words in page.words.values():
        return
    what = rng.choice(("code", "file", "person", "topic", "version", "company", "place"))
    said = value(what, rng) if rng.random() < 0.7 else money(rng)
    name = f"label {len(page.words)}"
    page.lines.append(f"{cased(words, rng)}{rng.choice((': ', ': ', ' ', ' - ', ' = '))}{said}")
    page.facts[name], page.words[name] = len(page.lines), words


def _add_fact(page: Page, name: str, rng: Random, *, held_out: bool) -> None:
    labels, values, _ = facts()[name]
    label, said = seen(labels, rng, held_out=held_out), page_value(values, rng)
    if label and held_out and rng.random() < 0.3:
        label = f"{label.rstrip(': ')} ...... "
    elif label and rng.random() < 0.06:
        page.lines.append(label.rstrip())
        label = ""
    page.lines.append(label + said)
    page.facts[name] = len(page.lines)


def page(rng: Random, *, held_out: bool = False) -> Page:
    """A random page of 2 to about 20 lines."""
    made_page = Page()
    twice: set[str] = set()
    for part in rng.choice(_kinds(held_out)):
        name = part.rstrip("?")
        if part.endswith("?") and rng.random() < 0.5:
            continue
        if name == "*":
            for _ in range(rng.randint(1, rng.choice((3, 8)))):
                _add_item(made_page, rng)
        elif name == "+":
            _add_labelled(made_page, rng)
        elif name.startswith("-"):
            made_page.lines.append("Thank you" if name == "-thanks" else value("sentence", rng).capitalize())
        else:
            fact = name.rstrip("2")
            twice |= {fact} & made_page.facts.keys()
            _add_fact(made_page, fact, rng, held_out=held_out)
    for name in twice:
        del made_page.facts[name]
    if rng.random() < 0.1:
        made_page.lines = [line.upper() for line in made_page.lines]
    return made_page
