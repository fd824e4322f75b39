"""Which functions are kept for evaluation: whole hand-written ones, nouns, and verbs.

Knows words. Everything that training shows is asked here.
"""

import re
from functools import lru_cache
from zlib import crc32

from training.phrasings.functions import Wish, spoken
from training.phrasings.grammar import lines
from training.phrasings.known_functions import ONE_IN, known_functions

_HELD_OUT_VERBS = "renew withdraw monitor archive merge ship publish pause upload estimate restore approve enable"
HELD_OUT_VERBS = frozenset(_HELD_OUT_VERBS.split())


@lru_cache(maxsize=1)
def held_out_nouns() -> frozenset[str]:
    """Nouns that no training sample of functions has; words that the hand-written functions need are not among them."""
    used = set(re.findall("[a-z]+", " ".join((*lines("functions"), *lines("function_parameters"))).lower()))
    chosen = (noun for noun in lines("function_nouns") if crc32(noun.encode()) % ONE_IN == 0)
    return frozenset(noun for noun in chosen if not used & set(noun.split()))


@lru_cache(maxsize=1)
def held_out_names() -> frozenset[str]:
    """Names of the hand-written functions that are held out."""
    return frozenset(name for known in known_functions() if known.is_held_out for name in known.names)


@lru_cache(maxsize=1)
def _held_out_pattern() -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(held_out_nouns() | HELD_OUT_VERBS))})(?:s|es|d|ed|ing)?\b")


def shows_held_out(wish: Wish) -> bool:
    """Whether message or schema has a word, or is a function, that is kept for evaluation."""
    function = wish.function["function"]
    if function["name"] in held_out_names():
        return True
    words = [wish.message.lower(), spoken(function["name"]), function["description"].lower()]
    words += [spoken(name) for name in function["parameters"]["properties"]]
    return bool(_held_out_pattern().search(" ".join(words)))
