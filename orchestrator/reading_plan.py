"""How much of a picture's text a VLM can resolve: the heights of its lines, as the VLM sees them, against its profile.

Arithmetic. Does not know how the lines were found, nor what is done about it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.job_base import Box
from shared.reading_profile import ReadingProfile
from shared.text_places import TextPlaces

MEASURED_NOT = "Nothing is known of this model's reading: ./diptych profile-vlm measures it."
FOUND_NOT = "It was not looked for text in time, or no OCR worker is running."
NO_TEXT = "No text was found in it."


@dataclass(frozen=True)
class PicturePlan:
    """One picture."""

    size: tuple[int, int]
    places: TextPlaces | None = None
    """None: it could not be looked for text."""
    profile: ReadingProfile | None = None

    @property
    def seen(self) -> tuple[float, ...]:
        """Heights of a capital letter in each line, in the profile's pixels; rising."""
        if self.places is None or self.profile is None:
            return ()
        scale = self.profile.scale(*self.size)
        return tuple(round(height * scale, 1) for height in self.places.heights)

    @property
    def unresolved(self) -> int:
        """Lines that the VLM does not read by itself."""
        return sum(not self.profile.resolves(height) for height in self.seen) if self.profile else 0

    @property
    def unresolved_boxes(self) -> tuple[Box, ...]:
        """Around them: they are the smallest."""
        return self.places.boxes[: self.unresolved] if self.places else ()

    @property
    def note(self) -> str:
        """What a person may want to know, in a sentence."""
        if self.profile is None:
            return MEASURED_NOT
        if self.places is None:
            return FOUND_NOT
        lines = len(self.places.heights)
        if not lines:
            return NO_TEXT
        if not self.unresolved:
            return f"The model reads {_lines(lines)} by itself."
        return f"The model does not resolve {self.unresolved} of {_lines(lines)}: OCR reads them."


@dataclass(frozen=True)
class ReadingPlan:
    """Pictures of a conversation, by handle."""

    pictures: Mapping[str, PicturePlan] = field(default_factory=dict)

    @property
    def unresolved(self) -> tuple[str, ...]:
        """Handles of the pictures with text that the VLM does not resolve."""
        return tuple(handle for handle, plan in self.pictures.items() if plan.unresolved)

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The same, and those that could not be looked at: the VLM's word for their text is not enough."""
        unknown = (handle for handle, plan in self.pictures.items() if plan.profile and plan.places is None)
        return *self.unresolved, *unknown


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
