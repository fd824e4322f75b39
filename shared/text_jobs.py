"""Inputs and outputs of the jobs that read text and set it. `shared/jobs.py` has the other kinds, and the envelope."""

from typing import Literal, Self

from pydantic import Field

from shared.job_base import ArtifactId, Box, Frozen, JobKind

LEGIBLE_CONTRAST = 4.5
"""WCAG 2's, for text of any size."""


UNSURE = 0.85
"""Confidence of a line below which it may be wrong."""
TOO_SHORT = 3
"""Characters that a reading has at least if it is one: of a blot, one or two are read with any confidence."""


class ReadText(Frozen):
    """Read all text in a picture, or in a part of it."""

    kind: Literal[JobKind.READ_TEXT] = JobKind.READ_TEXT
    artifact: ArtifactId
    box: Box | None = None
    """Only what lies inside is read."""


class TextWord(Frozen):
    """What stands between two spaces; a run of Chinese or Japanese is one."""

    text: str
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture, to about half a letter."""
    confidence: float


class TextLine(Frozen):
    """One line of text, in reading order."""

    text: str
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    confidence: float
    """The recogniser's mean probability per character, 0 to 1; less where letters are too small to be relied on."""
    words: tuple[TextWord, ...] = ()
    script: str = ""
    """Of most of its letters: Latin, Greek, Han, Japanese, …; empty where it has none."""
    source: Literal["ocr", "layer"] = "ocr"
    """`layer`: the text of a PDF's page itself, with confidence 1."""

    @property
    def unsure(self) -> bool:
        """Whether it may be wrong."""
        return self.confidence < UNSURE


class TextRead(Frozen):
    """The exact text of a picture."""

    kind: Literal[JobKind.READ_TEXT] = JobKind.READ_TEXT
    lines: tuple[TextLine, ...]
    width: int
    height: int
    engine: str
    seconds: float
    turned: int = 0
    """Degrees clockwise by which the page had to be turned to be read: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether it was seen in a mirror."""
    complete: bool = True
    """Whether everything that was found could be looked at in time."""
    note: str = ""
    """Why there may be text in the picture that is not here, in a sentence; empty where there is nothing to say."""

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def unsure(self) -> frozenset[int]:
        """Numbers of the lines, from 1, that may be wrong."""
        blot = len("".join(self.text.split())) < TOO_SHORT
        return frozenset(number for number, line in enumerate(self.lines, 1) if blot or line.unsure)

    def without_words(self) -> Self:
        """The same with nothing but lines: words take seven times their room."""
        return self.model_copy(update={"lines": tuple(line.model_copy(update={"words": ()}) for line in self.lines)})


FontName = Literal["sans", "sans-bold", "serif", "serif-bold", "mono"]
Align = Literal["left", "centre", "right"]
Position = Literal["calm", "top", "centre", "bottom"]
MAX_WORDS = 1000
"""Characters that can be set at a time."""


class ComposeText(Frozen):
    """Set exact words over a picture, which stays as it is elsewhere. What is None is decided by what reads best: it is
    changed until OCR reads the words back."""

    kind: Literal[JobKind.COMPOSE_TEXT] = JobKind.COMPOSE_TEXT
    source: ArtifactId
    text: str = Field(min_length=1, max_length=MAX_WORDS, pattern=r"\S")
    """Its lines as they shall stand; where they are too long for the room, they are broken further."""
    box: Box | None = None
    """In the source: the text stands in the middle of it."""
    position: Position = "centre"
    """Where no box is given. `calm`: where the picture has the fewest edges."""
    font: FontName | None = None
    size: int | None = Field(default=None, ge=8, le=2000)
    """Of the type, in pixels; None: as large as fits."""
    colour: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    """None: white or nearly black, whichever can be read on what is there."""
    outline: bool | None = None
    """Around the letters, light or dark; None: where the colour alone cannot be read."""
    plate: bool | None = None
    """A plain ground behind the letters; None: where `calm` finds no calm place, or the words are not read back."""
    align: Align = "centre"
    rotation: float = Field(default=0, ge=-180, le=180)
    """Degrees, anticlockwise."""


class Lettering(Frozen):
    """How words were set."""

    text: str
    box: Box
    """What the letters take, with their outline or plate."""
    size: int
    lines: int
    font: FontName
    colour: str
    outline: str | None
    plate: str | None
    """Its colour; None: there is none."""
    contrast: float
    """WCAG's, 1 to 21, of the letters against what is around them."""

    @property
    def legible(self) -> bool:
        """Whether the contrast is enough for text of any size."""
        return self.contrast >= LEGIBLE_CONTRAST


class TextComposed(Frozen):
    """A picture with words set over it, how that was done, and whether they can be read."""

    kind: Literal[JobKind.COMPOSE_TEXT] = JobKind.COMPOSE_TEXT
    artifact: ArtifactId
    source: ArtifactId
    """The picture without the words."""
    width: int
    height: int
    lettering: Lettering
    read_back: str | None
    """What OCR reads there; None: set, not checked, for OCR does not know the script."""
    exact: bool | None
    """Whether that is what was wanted, as far as the font tells its characters apart."""
    attempts: int
    """How often they were set, until they were read back or nothing was left to be changed."""
    engine: str
    seconds: float
