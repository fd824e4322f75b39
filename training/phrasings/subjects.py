"""Things somebody may want drawn, as noun phrases: from the world's captions, from general words, from nonsense.

A subject is exactly what must become the prompt. Knows English; does not know how it is asked for.
"""

from random import Random

from training.phrasings.grammar import expand, lines
from training.world import caption, sample_scene
from training.world.captions import PREFIXES

_ONSETS = ("b", "bl", "br", "d", "dr", "f", "fl", "g", "gl", "gr", "h", "j", "k", "kr", "l", "m", "n", "p", "pl", "qu")
_ONSETS += ("r", "s", "sk", "sl", "sn", "sp", "st", "t", "tr", "v", "w", "z", "th", "sh", "ch")
_VOWELS = ("a", "e", "i", "o", "u", "oo", "ea", "ou", "ai", "y")
_CODAS = (
    "",
    "b",
    "ck",
    "d",
    "ft",
    "g",
    "l",
    "ll",
    "m",
    "mp",
    "n",
    "nd",
    "ng",
    "p",
    "r",
    "rk",
    "s",
    "st",
    "t",
    "x",
    "zz",
)
_COUNTS = (
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "ten",
    "a dozen",
    "many",
    "some",
    "several",
    "a few",
    "2",
    "3",
    "4",
    "5",
)


def nonsense(rng: Random) -> str:
    """A word that is in no dictionary."""
    syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.randint(1, 3)))
    return "".join(syllables)


def with_article(words: str, rng: Random) -> str:
    """Puts "a", "an", "the" or (seldom) nothing before the words."""
    style = rng.random()
    if style < 0.12:
        return words
    if style < 0.24:
        return f"{rng.choice(('the', 'one', 'my', 'our', 'some', 'another', 'your', 'his'))} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _noun(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.18:
        return nonsense(rng)
    if kind < 0.3:
        return rng.choice(lines("compounds"))
    return rng.choice(lines("nouns"))


def noun_phrase(rng: Random) -> str:
    """For example "two fluffy owls", "a zeppelin", "an old flumbrick"."""
    words = [_noun(rng)]
    for _ in range(rng.choices((0, 1, 2), (5, 4, 1))[0]):
        words.insert(0, nonsense(rng) if rng.random() < 0.06 else rng.choice(lines("adjectives")))
    if rng.random() < 0.18:
        return f"{rng.choice(_COUNTS)} {' '.join(words)}s"
    return with_article(" ".join(words), rng)


def general(rng: Random) -> str:
    """A scene from general vocabulary."""
    if rng.random() < 0.06:
        return rng.choice(lines("famous")) + (
            " " + expand(rng.choice(lines("places")), rng) if rng.random() < 0.3 else ""
        )
    if rng.random() < 0.06:
        return ", ".join(noun_phrase(rng) for _ in range(rng.randint(2, 5)))
    words = noun_phrase(rng)
    if rng.random() < 0.12:
        words = f"{words} {rng.choice(('and', 'with', 'and', 'next to', 'behind', 'inside', 'of'))} {noun_phrase(rng)}"
    if rng.random() < 0.1:
        words = f"{words}{rng.choice((', ', ' and '))}{noun_phrase(rng)}"
    for _ in range(rng.choices((0, 1, 2), (4, 5, 1))[0]):
        words = f"{words} {expand(rng.choice(lines('places')), rng)}"
    if rng.random() < 0.1:
        words = expand(rng.choice(lines("media")), rng) + " " + words
    for _ in range(rng.choices((0, 1, 2, 3), (20, 2, 1, 1))[0]):
        words += expand(rng.choice(lines("styles")), rng)
    if rng.random() < 0.03:
        words += (
            rng.choice((" called ", " saying ", " with the words ")) + f'"{nonsense(rng)} {rng.choice(lines("nouns"))}"'
        )
    return words


def of_the_world(rng: Random) -> str:
    """A caption of a random scene of the world, without "a picture of" and full stop."""
    words = caption(sample_scene(rng), rng).removesuffix(".")
    for prefix in PREFIXES:
        words = words.removeprefix(prefix + " ")
    return words


def subject(rng: Random) -> str:
    """One phrase; about a third from the world."""
    if rng.random() < 0.35:
        return of_the_world(rng)
    if rng.random() < 0.06:
        return " ".join(nonsense(rng) for _ in range(rng.randint(1, 5)))
    return general(rng)
