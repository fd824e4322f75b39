"""OpenAI's hosted tool `image_generation`: its parameters, and what they mean for the painter here."""

from typing import Literal, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body, DiptychOptions, Size
from orchestrator.pictures import Encoding, Format
from shared.errors import UnknownModel

IMAGE_MODELS = frozenset(
    {
        "diptych",
        "gpt-image-1",
        "gpt-image-1-mini",
        "gpt-image-1.5",
        "gpt-image-2",
        "gpt-image-2-2026-04-21",
        "gpt-image-2.5-sunburst",
        "gpt-image-2.5-sunburst-2026-09-08",
        "gpt-image-2.5-flare",
        "gpt-image-2.5-flare-2026-09-08",
        "gpt-image-2.6-sunburst",
        "gpt-image-2.6-flare",
        "chatgpt-image-latest",
    }
)
"""The names that clients ask for; all of them are the one painter that runs here."""
Quality = Literal["low", "medium", "high", "auto"]
"""`low` is the painter's fast setting, where it has one; the others are its normal one."""


def check_image_model(name: str | None, param: str) -> None:
    """Raises UnknownModel."""
    if name is not None and name not in IMAGE_MODELS:
        raise UnknownModel(f"The image model {name[:80]!r} is not served here. Leave it out.", param=param)


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
        wanted = own.model_dump()
        if own.size is None and self.size != "auto":
            wanted["size"] = self.size
        if self.quality == "low" and own.steps is None and own.guidance is None:
            wanted["fast"] = True
        return DiptychOptions.model_validate(wanted)
