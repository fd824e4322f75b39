"""What was read in a conversation's pictures, and where in it something stands that an answer quotes.

Knows no sentences and no streams.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from orchestrator.alignment import Place, places
from orchestrator.conversation import Conversation
from shared.events import TextQuote
from shared.text_jobs import TextRead

MOST_ERRORS = 0.15
"""Per character, up to which a quote is taken for one that was copied wrongly: one in seven."""
LONGEST = 500
"""Characters of a quote that are looked for; a longer one is compared by its beginning."""
ALIKE = str.maketrans("’‘`“”„–—−\n", "'''\"\"\"--- ")
"""Marks that are written in more ways than one."""


class Support(NamedTuple):
    """Where something stands."""

    quote: TextQuote
    """Its place in the answer is not set."""
    printed: str
    """As it was read."""
    sure: bool
    """Whether those lines were read surely."""
    alone: bool
    """Whether nothing else stands there as nearly, in other words."""

    @property
    def corrects(self) -> bool:
        """Whether what was said may be set right by it: it has errors, and there is no doubt of what it quotes."""
        return self.quote.error_rate > 0 and self.sure and self.alone


@dataclass(frozen=True)
class _Text:
    handle: str
    image: str
    read: TextRead

    def find(self, wanted: str, most: int, *, fold: bool) -> Iterator[tuple[Place, "_Text"]]:
        for place in places(alike(wanted, fold=fold), self.folded if fold else self.plain, most):
            yield place, self

    @cached_property
    def plain(self) -> str:
        return alike(self.read.text, fold=False)

    @cached_property
    def folded(self) -> str:
        return alike(self.read.text, fold=True)

    def printed(self, place: Place) -> str:
        return " ".join(self.read.text[place.start : place.end].split())

    def lines(self, place: Place) -> range:
        """The numbers of the lines in which it stands."""
        starts = list(accumulate((len(line.text) + 1 for line in self.read.lines), initial=0))
        return range(bisect_right(starts, place.start), bisect_right(starts, place.end - 1) + 1)


class ReadTexts:
    """All texts of one conversation as they are now."""

    def __init__(self, conversation: Conversation) -> None:
        read_in = conversation.read_in
        self._texts = [_Text(handle, read_in[handle], read) for handle, read in conversation.texts.items()]

    def __bool__(self) -> bool:
        return bool(self._texts)

    @property
    def counts(self) -> set[str]:
        """How many lines each has, in digits."""
        return {str(len(text.read.lines)) for text in self._texts}

    def find(self, wanted: str) -> Support | None:
        """Where it stands, as nearly as it does; None where it does not.

        Capitals count where there are digits too, as in a code.
        """
        wanted = " ".join(wanted.split())[:LONGEST]
        fold = not any(character.isdigit() for character in wanted)
        most = int(MOST_ERRORS * len(wanted))
        found = [each for text in self._texts for each in text.find(wanted, most, fold=fold)]
        if not found:
            return None
        place, text = min(found, key=lambda each: each[0].distance)
        nearest = {other.printed(at) for at, other in found if at.distance == place.distance}
        numbers, rate = text.lines(place), round(place.distance / len(wanted), 4)
        sure = text.read.unsure.isdisjoint(numbers)
        return Support(quote_of(text, numbers, rate), text.printed(place), sure=sure, alone=len(nearest) == 1)

    def whole(self, handle: str, numbers: Sequence[int]) -> TextQuote | None:
        """Lines that are quoted by their handle; None where there are none."""
        text = next((text for text in self._texts if text.handle == handle), None)
        return quote_of(text, numbers, 0) if text is not None and numbers else None


def quote_of(text: _Text, numbers: Sequence[int], error_rate: float) -> TextQuote:
    lines = tuple(numbers)
    boxes = tuple(text.read.lines[number - 1].box for number in lines)
    return TextQuote(
        start=0, end=0, image=text.image, text=text.handle, lines=lines, boxes=boxes, error_rate=error_rate
    )


def alike(text: str, *, fold: bool) -> str:
    """The text, character by character, as it is compared."""
    same = text.translate(ALIKE)
    return "".join(low if len(low := character.lower()) == 1 else character for character in same) if fold else same
