"""Input and output of the job that finds where text is, and how high its letters are, without reading it."""

from typing import Literal

from shared.artifacts import ArtifactStore
from shared.job_base import ArtifactId, Box, Frozen, JobKind

KEPT_AS = "text-places-1"
"""Under which name the result is kept beside its picture. Another way of finding takes another number."""


class FindText(Frozen):
    """Find the lines of text in a picture."""

    kind: Literal[JobKind.FIND_TEXT] = JobKind.FIND_TEXT
    artifact: ArtifactId


class TextPlaces(Frozen):
    """How high the text in a picture is."""

    kind: Literal[JobKind.FIND_TEXT] = JobKind.FIND_TEXT
    heights: tuple[float, ...]
    """Of a capital letter in each line, about, in pixels of the picture; rising."""
    boxes: tuple[Box, ...] = ()
    """Around those lines, in the same order."""
    width: int
    height: int
    engine: str
    seconds: float


def kept_places(store: ArtifactStore, artifact: str) -> TextPlaces | None:
    """What was found in a picture before. Blocks."""
    kept = store.derived(artifact, KEPT_AS)
    return None if kept is None else TextPlaces.model_validate_json(kept)
