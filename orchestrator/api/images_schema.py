"""What `/v1/images/generations` and `/v1/images/edits` are asked for. Fields that change nothing are ignored."""

from typing import Annotated, Any, Literal

from fastapi import UploadFile
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Json

from orchestrator.api.body import Body, DiptychOptions, Size, Text
from orchestrator.pictures import Format
from shared.jobs import MAX_PROMPT, Box

MAX_PICTURES = 10
"""Of one request."""
MAX_SOURCES = 16


def _opaque(background: str) -> str:
    if background == "transparent":
        raise ValueError("transparent pictures cannot be painted; ask for opaque, or leave it out")
    return background


def _is_file(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("send it as a file of the form")
    return value


File = Annotated[UploadFile, BeforeValidator(_is_file)]


class ImageFields(Body):
    """What both have in common. None is what OpenAI's clients may send for a field that is left out."""

    prompt: Annotated[Text, Field(min_length=1, max_length=MAX_PROMPT)]
    model: str | None = None
    n: int | None = Field(default=None, ge=1, le=MAX_PICTURES)
    """With a seed, the pictures have it and those after it."""
    size: Size | Literal["auto"] | None = None
    """`auto`: the painter's own size, or for an edit its picture's; an edit is brought within any other size whole."""
    quality: Literal["low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"] | None = None
    """`low` is the painter's fast setting, where it has one; all others are its usual one."""
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Format | None = None
    output_compression: int | None = Field(default=None, ge=0, le=100)
    """Quality of a JPEG or WebP, in percent; a WebP of 100 is lossless."""
    background: Annotated[Literal["opaque", "auto", "transparent"], AfterValidator(_opaque)] | None = None
    partial_images: int | None = Field(default=None, ge=0, le=3)
    """Of each picture, where the answer is streamed. They are the painter's own small previews."""
    stream: bool | None = None


class ImageRequest(ImageFields):
    diptych: DiptychOptions | None = None


class EditOptions(DiptychOptions):
    """The extension object, with what only edits here have."""

    box: Box | None = None
    """Left, top, right, bottom of what may change, in pixels: in place of a mask."""


class EditForm(ImageFields):
    """A form: its values are text, and read as what they are."""

    model_config = ConfigDict(strict=False)

    image: list[File] = Field(default=[], max_length=MAX_SOURCES)
    """The picture to edit. Further ones are decoded, and not looked at: the painter can take only one."""
    images: list[File] = Field(default=[], max_length=MAX_SOURCES, alias="image[]")
    """The same, as the SDKs name it where there are several."""
    mask: File | None = None
    """A picture of the first one's size that is wholly transparent where that may change."""
    input_fidelity: Literal["high", "low"] | None = None
    """`high` edits a whole picture with less strength."""
    diptych: Json[EditOptions] | None = None
    """The extension object as JSON text."""

    @property
    def sources(self) -> list[File]:
        return [*self.image, *self.images]
