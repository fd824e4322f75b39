"""Makes messages look as people type them: greetings, politeness, casing, punctuation, slips.

Spans between SPAN_OPEN and SPAN_CLOSE stay intact, except for the casing of the whole message.
"""

import re
from random import Random

from training.phrasings.grammar import SPAN_CLOSE, SPAN_OPEN, expand, lines

_WORD = re.compile(r"[a-z]{4,}")
_ABBREVIATIONS = {
    "you": "u",
    "please": "plz",
    "are": "r",
    "what's": "whats",
    "I'd": "id",
    "can't": "cant",
    "picture": "pic",
}


def _slip(word: str, rng: Random) -> str:
    """One typing slip: two letters swapped, one lost, one doubled."""
    at = rng.randrange(len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at:]


def mistype(message: str, rng: Random) -> str:
    """A slip in one word outside the span, or a chat abbreviation."""
    if rng.random() < 0.5:
        long, short = rng.choice(list(_ABBREVIATIONS.items()))
        return re.sub(rf"\b{long}\b", short, message, count=1)
    head, mark, rest = message.partition(SPAN_OPEN)
    words = list(_WORD.finditer(head))
    if not words:
        return message
    word = rng.choice(words)
    return head[: word.start()] + _slip(word[0], rng) + head[word.end() :] + mark + rest


def wrap(message: str, rng: Random, *, preambles: str | None = None, closers: str | None = None) -> str:
    """Adds what people write before and after, from the lists of those names."""
    if closers and rng.random() < 0.33:
        gap = rng.choice((" ", " ", ", ", ". ", "; ", " - "))
        if message.endswith(("?", "!", ".", ":)")):
            gap = " "
        message = f"{message}{gap}{expand(rng.choice(lines(closers)), rng)}"
    if rng.random() < 0.2:
        message = f"{rng.choice(lines('openers'))} {message}"
    if preambles and rng.random() < 0.12:
        message = f"{expand(rng.choice(lines(preambles)), rng)} {message}"
    return message


def _capitalise(message: str) -> str:
    at = 1 if message.startswith(SPAN_OPEN) else 0
    return message[:at] + message[at : at + 1].upper() + message[at + 1 :]


def punctuate(message: str, rng: Random, *, question: bool) -> str:
    """Puts an end to the message, or none."""
    if message[-1] in "?!.:)3":
        return message
    mark = (
        rng.choices(("?", "", "!", "??"), (6, 3, 0.3, 0.4))[0]
        if question
        else rng.choices(("", ".", "!", "..."), (5, 4, 1.5, 0.2))[0]
    )
    return message + mark


def dress(message: str, rng: Random, *, question: bool) -> str:
    """Punctuation, slips and casing."""
    message = punctuate(message, rng, question=question)
    if rng.random() < 0.14:
        message = mistype(message, rng)
    style = rng.random()
    if style < 0.58:
        return _capitalise(message)
    if style < 0.87:
        return message
    return message.lower() if style < 0.97 else message.upper()


def take_span(message: str) -> tuple[str, str]:
    """The message without marks, and what stood between them ("" if nothing did)."""
    if SPAN_OPEN not in message:
        return message, ""
    head, _, rest = message.partition(SPAN_OPEN)
    span, _, tail = rest.partition(SPAN_CLOSE)
    return head + span + tail, span
