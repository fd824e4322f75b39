"""Questions whose answer is one of a page's lines, or none.

Knows how people ask for facts, for things listed, for lines by their place. Does not know conversations or handles.
"""

import re
from dataclasses import dataclass
from random import Random

from training.phrasings.dressing import dress, wrap
from training.phrasings.grammar import expand
from training.phrasings.pages import Page, facts, seen
from training.phrasings.subjects import nonsense

_ALIKE = (
    {"price", "total", "subtotal", "tax", "cash", "change", "item"},
    {"number", "code", "serial", "model", "train", "iban", "lineno"},
    {"sender", "shop", "customer", "recipient", "passenger"},
    {"date", "due", "best"},
    {"start", "time", "departure", "arrival", "hours", "closed"},
    {"address", "place", "from", "to", "gate", "platform"},
    {"error", "advice", "subject"},
    {"network", "password"},
    {"email", "website", "phone"},
)
"""Facts that a question might confuse: the one is not asked for as missing where another stands."""
_ITEM_QUESTIONS = (
    "[how much|what] [is|was] the {x}",
    "[how much does|what does|what did] the {x} cost",
    "[what's|what is] the price of the {x}",
    "price of the {x}",
    "how much [did I pay|was charged] for the {x}",
)
_LABEL_QUESTIONS = (
    "[what's|what is|tell me|find|give me] the {x}",
    "[which|what] {x} [is it|does it say|is given|is shown|does it have]",
    "what does it say [for|about|under] {x}",
    "{x}",
    "[and|what about] the {x}",
)


@dataclass(frozen=True)
class Question:
    """A message; `first` to `last` are the lines that answer it, 0 where none does."""

    message: str
    first: int
    last: int


def _dressed(message: str, rng: Random) -> str:
    if rng.random() < 0.35:
        message = wrap(message, rng, closers="function_closers")
    asked = bool(re.match("what|which|who|how|when|where|is|to|at|by|on|in|until|from", message))
    return dress(message, rng, question=asked)


def _asked_for(fact: str, made_page: Page, rng: Random, *, held_out: bool) -> str:
    kind = fact.partition(" ")[0]
    if kind in ("item", "label"):
        template = rng.choice(_ITEM_QUESTIONS if kind == "item" else _LABEL_QUESTIONS)
        return expand(template, rng, {"x": made_page.words[fact]})
    return expand(seen(facts()[fact][2], rng, held_out=held_out), rng)


_PLACES = (
    ("first", 1),
    ("top", 1),
    ("second", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
    ("last", -1),
    ("bottom", -1),
)


def _by_place(made_page: Page, rng: Random) -> Question:
    """Asks for a line by its place."""
    count = len(made_page.lines)
    word, place = rng.choice([(word, at) for word, at in _PLACES if at <= count])
    if place == 1 and count >= 3 and rng.random() < 0.25:
        message = expand("[what are|read|give me|tell me|show me] the first [two|2|three|3] lines", rng)
        return Question(_dressed(message, rng), 1, 2 if re.search("two|2", message) else 3)
    template = (
        "[what's|what is|read|give me|tell me|show me|what does it say in] the {x} line[| of it| of this| please]"
    )
    if place > 0 and rng.random() < 0.3:
        template, word = "[what's in|what is|read|give me|what does it say in|show me] line {x}", str(place)
    at = place if place > 0 else count
    return Question(_dressed(expand(template, rng, {"x": word}), rng), at, at)


def _missing(made_page: Page, rng: Random, *, held_out: bool) -> Question:
    """Asks for something that is not there, nor anything like it."""
    there = {fact.partition(" ")[0] for fact in made_page.facts}
    near = set().union(*(group for group in _ALIKE if group & there))
    able = [fact for fact in facts() if fact not in there | near]
    if rng.random() < 0.25:
        message = expand(rng.choice(_LABEL_QUESTIONS), rng, {"x": nonsense(rng)})
    else:
        message = _asked_for(rng.choice(able), made_page, rng, held_out=held_out)
    return Question(_dressed(message, rng), 0, 0)


def question(made_page: Page, rng: Random, *, held_out: bool = False) -> Question:
    """A question about a page."""
    kind = rng.random()
    if kind < 0.1:
        return _by_place(made_page, rng)
    if kind < 0.2 or not made_page.facts:
        return _missing(made_page, rng, held_out=held_out)
    fact = rng.choice(sorted(made_page.facts))
    message = _asked_for(fact, made_page, rng, held_out=held_out)
    return Question(_dressed(message, rng), made_page.facts[fact], made_page.facts[fact])
