"""What can be set for the reader. Knows no models."""

from pydantic import Field

from shared.settings import Settings


class OcrSettings(Settings):
    """Settings of a process that reads text."""

    ocr_threads: int = Field(default=2, ge=1, le=64)
    """Lines that are recognised side by side, a thread each; more than the machine's cores gain nothing."""

    ocr_min_confidence: float = Field(default=0.7, ge=0, le=1)
    """Text below this confidence is left out, and the result says so: it is a texture, of an unknown script (words of
    such were read with up to 0.65), or so small that a third of its characters would be wrong."""

    ocr_detect_pixels: int = Field(default=4_000_000, ge=250_000)
    """Pixels that the first look for text may take in; of larger pictures it sees a scaled copy, and a second look in
    tiles sees them at full size. Both need about 0.2 s per million pixels on a core with bfloat16 units."""

    ocr_page_s: float = Field(default=120, gt=0)
    """Seconds that one picture may take; lines that are not read then are left out, and the result says so."""
