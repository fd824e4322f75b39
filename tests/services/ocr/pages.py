"""The committed page, ways to spoil it, and how a picture is read in a test."""

import io
from pathlib import Path

from PIL import Image

from services.ocr.reader import Reader
from shared.jobs import Box
from shared.text_jobs import TextRead

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAGE = Image.open(FIXTURES / "page.png").convert("RGB")
PAGE_LINES = (FIXTURES / "page.txt").read_text(encoding="utf-8").splitlines()
PITCH = 21


def strip(first: int, last: int) -> Image.Image:
    """Lines of the page, the last one excluded."""
    return PAGE.crop((0, 24 + first * PITCH, 1000, 28 + last * PITCH))


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def read(reader: Reader, image: Image.Image, region: Box | None = None) -> TextRead:
    *_, result = reader.read(png(image), region)
    assert isinstance(result, TextRead)
    return result
