"""Where a string stands in a text, as nearly as it does: Myers' bit-parallel edit distance (J. ACM 46, 1999).

A step takes a whole column of the table at once, as the bits of one integer: a page of 20,000 characters is searched in
some tens of milliseconds. Knows strings, not what they mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CANDIDATES = 64
"""Ends of near matches that are looked at closely, the nearest first."""


JOINTS = ".,:/-"
"""Of numbers and codes, where they stand between two characters of which one is a digit."""
UNSPACED = "\u2e80"
"""From here on scripts are written without spaces."""


@dataclass(frozen=True)
class Place:
    """A part of the text that begins and ends where words do, and its edit distance from what was looked for."""

    start: int
    end: int
    distance: int


def distance(first: str, second: str) -> int:
    """Least number of inserted, deleted and replaced characters."""
    if not first:
        return len(second)
    *_, last = len(first), *_columns(first, second, anywhere=False)
    return last


def places(wanted: str, text: str, most: int) -> list[Place]:
    """Where `wanted` stands in the text with up to `most` errors, the nearest first; of those that overlap, one.

    Where it stands exactly, nothing else is looked for.
    """
    if not wanted:
        return []
    if (exact := list(_exact(wanted, text))) or not most:
        return exact
    ends = [(errors, end) for end, errors in enumerate(_columns(wanted, text, anywhere=True), 1) if errors <= most]
    spans = {span for _, end in sorted(ends)[:CANDIDATES] for span in _spans(wanted, text, end)}
    found = [Place(*span, distance(wanted, text[slice(*span)])) for span in spans]
    kept: list[Place] = []
    for place in sorted(found, key=lambda place: (place.distance, place.start, place.end)):
        if place.distance <= most and not any(place.start < one.end and one.start < place.end for one in kept):
            kept.append(place)
    return kept


def _exact(wanted: str, text: str) -> Iterator[Place]:
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (start and _is_inside(text, start)) and not (end < len(text) and _is_inside(text, end)):
            yield Place(start, end, 0)
        start = text.find(wanted, start + 1)


def _columns(wanted: str, text: str, *, anywhere: bool) -> Iterator[int]:
    """After each character of the text: the distance of `wanted` from the text up to there, or from its nearest end."""
    masks: dict[str, int] = {}
    for bit, character in enumerate(wanted):
        masks[character] = masks.get(character, 0) | 1 << bit
    full, high, score = (1 << len(wanted)) - 1, 1 << (len(wanted) - 1), len(wanted)
    above, below = full, 0  # where a step down the column costs one more, and one less
    for character in text:
        same = masks.get(character, 0)
        diagonal = (((same & above) + above) ^ above) | same
        more, less = below | ~(diagonal | above) & full, above & diagonal
        score += bool(more & high) - bool(less & high)
        more, less = (more << 1) | (not anywhere), less << 1
        vertical = same | below
        above, below = (less | ~(vertical | more)) & full, more & vertical & full
        yield score


def _spans(wanted: str, text: str, end: int) -> Iterator[tuple[int, int]]:
    """Parts of the text about as long as `wanted` that end at the word in which it ends there."""
    while end < len(text) and _is_inside(text, end):
        end += 1
    for length in (len(wanted), len(wanted) - 1, len(wanted) + 1):
        start = max(end - max(length, 1), 0)
        while start > 0 and _is_inside(text, start):
            start -= 1
        yield start, end


def _is_inside(text: str, at: int) -> bool:
    """Whether a word, a number or a code goes on there: none is taken apart."""
    before, after = text[at - 1], text[at]
    if before in JOINTS or after in JOINTS:
        around = text[at - 2 : at - 1] + after if before in JOINTS else before + text[at + 1 : at + 2]
        return len(around) == 2 and around.isalnum() and not around.isalpha()
    return before.isalnum() and after.isalnum() and max(before, after) < UNSPACED
