"""All words that captions of the world use: what a painter of this world knows.

Knows the tables of names and phrases. Function words, which ask for nothing to be seen, count as known.
"""

import re
from pathlib import Path

from training.world.captions import (
    COLOUR_BACKGROUND_PHRASES,
    PLACE_PHRASES,
    PREFIXES,
    RELATION_PHRASES,
    SIZE_WORDS,
)
from training.world.vocab import BACKGROUND_COLOURS, COUNT_WORDS, POSITIONS, THINGS

FUNCTION_WORDS = (Path(__file__).parent / "function_words.txt").read_text().split()
_MORE = ("corner", "side", "middle", "centre", "center", "gray", "coloured", "colored", "standing", "sitting")


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") and word[-2] not in "aeiou" else word + "s"


def known_words() -> tuple[str, ...]:
    """The words, lower-case and sorted."""
    tables = (RELATION_PHRASES, PLACE_PHRASES, SIZE_WORDS)
    phrases = [phrase for table in tables for phrases in table.values() for phrase in phrases]
    phrases += [*COLOUR_BACKGROUND_PHRASES, *PREFIXES, *POSITIONS, *BACKGROUND_COLOURS, *COUNT_WORDS[1:], *_MORE]
    for thing in THINGS:
        phrases += [thing.name, thing.plural, *thing.synonyms, *map(_plural, thing.synonyms)]
    plain = (re.sub(r"\{\w+\}", "", phrase) for phrase in phrases)
    return tuple(sorted({word for phrase in plain for word in re.findall(r"[a-z]+", phrase)} | set(FUNCTION_WORDS)))
