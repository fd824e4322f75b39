"""What can be set for the reader. Knows no models."""

from pydantic import Field

from shared.settings import Settings


class OcrSettings(Settings):
    """Settings of a process that reads text."""

    ocr_threads: int = Field(default=2, ge=1, le=64)
    """Threads of one inference; more than the machine's cores gain nothing."""

    ocr_min_confidence: float = Field(default=0.5, ge=0, le=1)
    """Text below this confidence is taken for a texture, not for text, and left out."""

    ocr_detect_pixels: int = Field(default=4_000_000, ge=250_000)
    """Pixels that the detector may look at; larger pictures are scaled down for it (their text is still
    recognised at full size). The detector needs about 0.4 s and 300 MB per million pixels."""
