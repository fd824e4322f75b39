"""OpenAI's hosted tool `image_generation`: its parameters, and what they mean for the painter here."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body, DiptychOptions, Size
from orchestrator.image_models import IMAGE_MODELS
from orchestrator.pictures import Encoding, Format
from shared.errors import UnknownModel

FAITHFUL_STRENGTH = 0.6
"""Of an edit of a whole picture with `input_fidelity: high`."""
Quality = Literal["low", "medium", "high", "xhigh", "max", "auto"]
"""`low` is the painter's fast setting, where it has one; the others are its normal one."""


def check_image_model(name: str | None, param: str) -> None:
    """Raises UnknownModel."""
    if name is not None and name not in IMAGE_MODELS:
        raise UnknownModel(f"The image model {name[:80]!r} is not served here. Leave it out.", param=param)


class ImageMask(Body):
    """A picture that is wholly transparent where the edited one, of the same size, may change."""

    file_id: str | None = None
    image_url: str | None = None
    """A data URL."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.file_id is None) == (self.image_url is None):
            raise ValueError("give a file_id or an image_url, and not both")
        return self


class ImageGenerationTool(Body):
    type: Literal["image_generation"]
    model: str | None = None
    size: Size | Literal["auto"] = "auto"
    quality: Quality = "auto"
    output_format: Format = "png"
    output_compression: int = Field(default=100, ge=0, le=100)
    """Quality of a JPEG or WebP, in percent."""
    partial_images: int = Field(default=0, ge=0, le=3)
    background: Literal["opaque", "auto", "transparent"] = "auto"
    action: Literal["generate", "edit", "auto"] = "auto"
    """Whether pictures are painted anew or those of the conversation changed; `auto` leaves it to the model."""
    input_fidelity: Literal["high", "low"] = "low"
    """`high` edits a whole picture with less strength."""
    input_image_mask: Annotated[ImageMask | None, Field(exclude=True)] = None
    """Where the edited picture may change. Not echoed: it may be large."""
    moderation: Literal["auto", "low"] = "auto"
    """Changes nothing: there is no moderation here."""

    @model_validator(mode="after")
    def _opaque_only(self) -> Self:
        if self.background == "transparent":
            raise ValueError("background: transparent pictures cannot be painted; ask for opaque, or leave it out")
        return self

    @property
    def encoding(self) -> Encoding:
        return Encoding(self.output_format, self.output_compression)

    def options(self, own: DiptychOptions) -> DiptychOptions:
        """The request's own options, with what this tool asks for where they leave it open."""
        wanted = own.model_dump(include=set(DiptychOptions.model_fields))
        if own.size is None and self.size != "auto":
            wanted["size"] = self.size
        if self.quality == "low" and own.steps is None and own.guidance is None:
            wanted["fast"] = True
        if self.input_fidelity == "high" and self.input_image_mask is None and own.strength is None:
            wanted["strength"] = FAITHFUL_STRENGTH
        return DiptychOptions.model_validate(wanted)
