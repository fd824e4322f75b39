"""How small a text a vision-language model still reads, as it was measured: written by `./diptych profile-vlm`.

Knows the file's form and place. Knows neither how it was measured nor who decides by it.
"""

import contextlib
import datetime
from pathlib import Path
from typing import Self
from urllib.parse import quote

from pydantic import Field

from shared.job_base import Frozen
from shared.settings import ROOT

SHIPPED = ROOT / "models" / "vlm" / "profile.json"
"""The embedded VLM's."""


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


class SeenPicture(Frozen):
    """What a square picture costs: tokens tell how much a VLM scales pictures before it looks at them."""

    side_px: int
    tokens: int


class ReadingProfile(Frozen):
    """The whole file."""

    model: str
    """The name by which the VLM's server knows it."""

    measured_on: datetime.date

    page_px: int
    """Width and height of the pages. A model that scales every picture to one size saw their letters in that ratio."""

    seen: tuple[SeenPicture, ...] = Field(min_length=1)
    """By rising side, as far as the VLM takes them; one has `page_px`. Tokens are 0 where its server tells none."""

    fonts: tuple[str, ...]
    ocr: str
    """The OCR engine."""

    wanted_share: float
    """The share of characters from which on a height counts as read."""

    ocr_below_px: int | None
    """The smallest measured height from which on the VLM reads that share; smaller text is OCR's. None: all text is."""

    curve: tuple[ReadingPoint, ...] = Field(min_length=1)
    """By rising height."""

    def scale(self, width: int, height: int) -> float:
        """How large the VLM sees a picture of that size, against how it saw the measured pages.

        What it sees has an area in proportion to its tokens. Its longer side counts: of one that is not square the VLM
        may see more, never less.
        """
        side = max(width, height)
        of_page = self._tokens(self.page_px)
        if not of_page:  # its server did not tell
            return min(self.page_px / side, 1.0)
        return (self._tokens(side) / of_page) ** 0.5 * self.page_px / side

    def resolves(self, seen_px: float) -> bool:
        """Whether the VLM reads capitals of that height, as it saw them on the measured pages."""
        return self.ocr_below_px is not None and seen_px >= self.ocr_below_px

    def _tokens(self, side: int) -> float:
        """Of a square picture, between the measured ones in proportion; beyond them as at the ends."""
        below = max((one for one in self.seen if one.side_px <= side), key=lambda one: one.side_px, default=None)
        above = min((one for one in self.seen if one.side_px >= side), key=lambda one: one.side_px, default=None)
        if below is None or above is None or below == above:
            return float((below or above or self.seen[0]).tokens)
        share = (side - below.side_px) / (above.side_px - below.side_px)
        return below.tokens + share * (above.tokens - below.tokens)

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


def find_profile(data: Path, model: str) -> ReadingProfile | None:
    """The profile of a VLM: measured here, or shipped with it. Raises pydantic's ValidationError as `read` does."""
    for path in (profile_path(data, model), SHIPPED):
        with contextlib.suppress(FileNotFoundError):
            profile = ReadingProfile.read(path)
            if profile.model == model:
                return profile
    return None


def profile_path(data: Path, model: str) -> Path:
    """Where the profile of a VLM lies in the data folder; names like "org/model:7b" are percent-encoded."""
    return data / "profiles" / f"{quote(model, safe='')}.json"
