"""Which part of a picture an edit works on: where something changes, and enough around it. Knows numbers only."""

from dataclasses import dataclass

LEAST = 64
"""Pixels on a side of a worked-on region, where the picture has them."""
LONGEST = 2.0
"""One side of a region to the other, where the picture allows it."""


@dataclass(frozen=True)
class Region:
    """A rectangle of pixels; right and bottom are outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    def with_context(self, width: int, height: int) -> "Region":
        """This region with half its length on each side, as far as a picture of that size has it.

        A model paints a thing best where it fills a good part of what it paints, and needs to see what is around it.
        """
        wide, high = min(max(2 * self.width, LEAST), width), min(max(2 * self.height, LEAST), height)
        wide, high = max(wide, round(high / LONGEST)), max(high, round(wide / LONGEST))
        left, right = _spread(self.left, self.right, wide, width)
        top, bottom = _spread(self.top, self.bottom, high, height)
        return Region(left, top, right, bottom)


def _spread(first: int, last: int, length: int, limit: int) -> tuple[int, int]:
    """`length` around first..last, moved inward where it would reach over 0..limit."""
    length = min(length, limit)
    begin = min(max((first + last - length) // 2, 0), limit - length)
    return begin, begin + length
