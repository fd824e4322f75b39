"""Which shape a model paints for a picture of any size. Knows numbers only.

Denoisers repeat things above the size that they were trained for and fall apart below it, so a picture of another
size is painted near the model's own size and brought to what was asked.
"""

from dataclasses import dataclass
from math import inf, sqrt

SMALLEST_SHARE = 0.5
"""A picture may have this share of the model's own area, and be painted as it is."""


@dataclass(frozen=True)
class Canvas:
    """What a model can paint: its own side, the stride of its sides, the most pixels at once and on one side."""

    side: int
    stride: int
    max_pixels: int
    longest: int | None = None

    def shape_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height to paint for a picture of that size: its own where they fit, else near the model's."""
        area = width * height
        fits = width % self.stride == height % self.stride == 0 and max(width, height) <= (self.longest or inf)
        if fits and SMALLEST_SHARE * self.side**2 <= area <= max(self.max_pixels, self.side**2):
            return width, height
        scale = self.side / sqrt(area)
        return self._on_stride(width * scale), self._on_stride(height * scale)

    def _on_stride(self, length: float) -> int:
        return max(1, round(min(length, self.longest or inf) / self.stride)) * self.stride
