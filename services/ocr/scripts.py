"""Which script a text is written in, by its characters' names in Unicode. Knows no languages."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

SCRIPTS = {"Cjk": "Han"}
"""Where a script is called otherwise than the first word of its characters' names."""
JAPANESE = {"Hiragana", "Katakana"}
LEAST = 64
"""Letters of a script that must be known for it to count as one that can be read. Greek without its accents is not:
those are the letters of formulas."""


def script_of(text: str) -> str:
    """The script of most of its letters, ISO 15924's name; empty where there are none. Kana make Han Japanese."""
    found = Counter(filter(None, map(script_of_letter, text)))
    if found["Han"] and any(found[kana] for kana in JAPANESE):
        return "Japanese"
    return found.most_common(1)[0][0] if found else ""


def script_of_letter(character: str) -> str:
    """Empty for what is no letter, and for what has no name."""
    plain = unicodedata.normalize("NFKC", character)[:1]
    if not unicodedata.category(plain).startswith("L"):
        return ""
    first = unicodedata.name(plain, "").partition(" ")[0].capitalize()
    return SCRIPTS.get(first, first)


def scripts_in(characters: Iterable[str]) -> list[str]:
    """The scripts that can be read with these characters, the largest first."""
    found = Counter(script_of_letter(character) for character in characters if len(character) == 1)
    return [script for script, count in found.most_common() if script and count >= LEAST]
