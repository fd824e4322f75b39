"""How small a text a vision-language model still reads, as it was measured: written by `./diptych profile-vlm`.

Knows the file's form and place. Knows neither how it was measured nor who decides by it.
"""

import datetime
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pydantic import Field

from shared.jobs import Frozen


class Share(Frozen):
    """A share of 1, of how many it was taken, and its 95 % interval."""

    share: float
    n: int
    low: float
    high: float


class ReadingScore(Frozen):
    """What one reader got right at one height."""

    characters: Share
    """1 - edit distance / length, the mean over pages, each clipped at 0."""

    exact_lines: Share


class ReadingPoint(Frozen):
    """Both readers on the same pages."""

    height_px: int
    """Height of a capital letter on the page as it was sent, before whatever scaling the model does."""

    vlm: ReadingScore
    ocr: ReadingScore


class ReadingProfile(Frozen):
    """The whole file."""

    model: str
    """The name by which the VLM's server knows it."""

    measured_on: datetime.date

    page_px: int
    """Width and height of the pages. A model that scales every picture to one size saw their letters in that ratio."""

    fonts: tuple[str, ...]
    ocr: str
    """The OCR engine."""

    wanted_share: float
    """The share of characters from which on a height counts as read."""

    ocr_below_px: int | None
    """The smallest measured height from which on the VLM reads that share; smaller text is OCR's. None: all text is."""

    curve: tuple[ReadingPoint, ...] = Field(min_length=1)
    """By rising height."""

    def write(self, path: Path) -> None:
        """Atomically: a reader sees the old or the new profile."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".json.new")
        fresh.write_text(self.model_dump_json(indent=1) + "\n")
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises FileNotFoundError, and pydantic's ValidationError where the file is none of these."""
        return cls.model_validate_json(path.read_bytes())


def profile_path(data: Path, model: str) -> Path:
    """Where the profile of a VLM lies in the data folder; names like "org/model:7b" are percent-encoded."""
    return data / "profiles" / f"{quote(model, safe='')}.json"
