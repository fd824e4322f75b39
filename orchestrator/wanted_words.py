"""The words that a prompt wants to stand in the picture, taken out of it by plain phrases and quotes. No model.

Painters draw letters as texture, so such words are set as type. What is taken for them:

- what stands in quotes (of any kind, up to 300 characters) behind what speaks of writing (says, reads, labelled,
  titled, with the words, a sign …), or before it ("OPEN" written on it, "OPEN" in big letters), or behind other such
  quotes and an "and";
- what stands in quotes behind a wish to write it, or to have it in place of other words (write …, change the text
  to …);
- without quotes: CAPITALS and numbers behind `the word`, `the text`, …, or behind a thing for writing that says or
  reads (a sign that says OPEN 24 H …, make the sign say OPEN); there also small letters, up to the next comma or full
  stop or small word that begins something else (on, in, with, and, …), unless they begin like a description (a sign
  that says a …).

All else stays in the prompt: quotes alone mean nothing, and a girl reading a book wants no letters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.wanted_phrases import (
    AFTER,
    BEFORE,
    CAPITALS,
    CHAINED,
    FREE,
    FREE_LEADS,
    LEAD,
    QUOTED,
    THING,
    colour_of,
)
from shared.job_base import Box
from shared.text_jobs import MAX_WORDS, Position

NOTHING_LEFT = "a plain background"
"""What is painted where a prompt is nothing but words."""
LONGEST = 4000
"""Characters of a prompt that is looked through; a longer one wants no words."""
BEHIND = 120
"""So many characters before a quote may speak of it."""
LOOSE_START = re.compile(r"^(?:[\s,.;:&-]|(?:and|with|that|which|(?:up)?on|in|at|across|over|above)\b)+", re.IGNORECASE)
LOOSE_END = re.compile(r"(?:[\s,;:&-]|\b(?:with|and|that|which|of|a|an|the))+$", re.IGNORECASE)
PLACES: dict[str, Position] = {"top": "top", "bottom": "bottom"}
"""Of words that are wanted `at the …`; all others are in the middle."""


@dataclass(frozen=True)
class WantedWords:
    """What is to be set, and what is to be painted."""

    text: str
    """In lines, where there are several."""
    rest: str
    """The prompt without them."""
    position: Position = "calm"
    colour: str | None = None
    """As `#rrggbb`."""
    box: Box | None = None
    """In the picture: the only place where they may stand. None: anywhere."""


@dataclass(frozen=True)
class _Found:
    """Words, and from where to where the prompt speaks of them."""

    start: int
    end: int
    words: str
    place: str | None = None
    colour: str | None = None


def wanted_words(prompt: str) -> WantedWords | None:
    """None where the prompt wants no words, or more than can be set."""
    if len(prompt) > LONGEST:
        return None
    found = list(_quoted(prompt))
    found = sorted([*found, *_free(prompt, found)], key=lambda one: one.start)
    text = "\n".join(one.words for one in found)
    if not found or len(text) > MAX_WORDS:
        return None
    rest, at = "", 0
    for one in found:
        rest, at = rest + prompt[at : one.start] + " ", one.end
    place = next((one.place for one in found if one.place), None)
    return WantedWords(
        text=text,
        rest=_tidy(rest + prompt[at:]) or NOTHING_LEFT,
        position="calm" if place is None else PLACES.get(place, "centre"),
        colour=next((one.colour for one in found if one.colour), None),
    )


def completed(prompt: str, said: str) -> str:
    """A prompt that a VLM copied from what somebody said, and broke off within quotes there, goes on to their end."""
    at = said.find(prompt)
    if at < 0:
        return prompt
    end = at + len(prompt)
    quote = next((match for match in QUOTED.finditer(said, at) if match.start() < end < match.end()), None)
    return prompt if quote is None else said[at : quote.end()]


def _quoted(prompt: str) -> Iterator[_Found]:
    last = -1
    """Where the quote before this one ended, if its words are wanted."""
    for quote in QUOTED.finditer(prompt):
        words = quote.group()[1:-1].strip()
        tail = AFTER.match(prompt, quote.end())
        assert tail is not None  # noqa: S101 - it may be empty
        start = _start_of(prompt, quote.start(), spoken_of=tail.end() > quote.end())
        if start is None and last >= 0 and CHAINED.fullmatch(prompt, last, quote.start()):
            start = last
        if start is not None and words:
            last = quote.end()
            yield _Found(start, tail.end(), words, _place(tail.group()), colour_of(tail.group()))


def _start_of(prompt: str, quote: int, *, spoken_of: bool) -> int | None:
    """Where the prompt begins to speak of the words in the quotes that begin there; None: it does not.

    `spoken_of`: whether what comes after the quotes speaks of writing.
    """
    first = max(quote - BEHIND, 0)
    behind = prompt[first:quote]
    if (lead := LEAD.search(behind)) is not None:
        return first + lead.start()
    if THING.search(behind):
        return quote
    if not spoken_of:
        return None
    before = BEFORE.search(behind)
    return quote if before is None else first + before.start()


def _free(prompt: str, quoted: list[_Found]) -> Iterator[_Found]:
    """Words without quotes."""
    taken = [(one.start, one.end) for one in quoted]
    for pattern, small in FREE_LEADS:
        for lead in pattern.finditer(prompt):
            words = _free_words(prompt, lead.end())
            if words is None or (words.group()[0].islower() and not small):
                continue
            if any(start < words.end() and lead.start("out") < end for start, end in taken):
                continue
            tail = AFTER.match(prompt, words.end())
            assert tail is not None  # noqa: S101 - it may be empty
            taken.append((lead.start("out"), tail.end()))
            yield _Found(*taken[-1], words.group(), _place(tail.group()), colour_of(tail.group()))


def _free_words(prompt: str, at: int) -> re.Match[str] | None:
    """Capitals as far as they go, unless they are the first letter of a sentence (I love …)."""
    capitals, free = CAPITALS.match(prompt, at), FREE.match(prompt, at)
    lone = capitals is not None and len(capitals.group()) == 1 and capitals.group().isalpha()
    return free if capitals is None or (lone and re.match(r"\s+[a-z]", prompt[capitals.end() :])) else capitals


def _place(tail: str) -> str | None:
    found = re.search(r"\bthe\s+(?:very\s+)?(top|bottom|middle|centre|center)\b", tail, re.IGNORECASE)
    return found[1].lower() if found else None


def _tidy(prompt: str) -> str:
    """What is left, without the marks and small words that belonged to what is gone."""
    text = re.sub(r"\s+", " ", prompt)
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = LOOSE_END.sub("", LOOSE_START.sub("", text))
    return text if re.search(r"\w", text) else ""
