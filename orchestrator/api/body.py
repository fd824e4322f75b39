"""What all request bodies have in common: strict JSON types, whole Unicode, and the extension object `diptych`."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from orchestrator.tools.base import PaintingOptions
from shared.jobs import MAX_BEST_OF, MAX_SEED, MAX_SIDE, MIN_SIDE, Loras, Name

SIZE = re.compile(r"([0-9]{2,4})x([0-9]{2,4})")


def _is_unicode(text: str) -> str:
    """Half a character (a lone surrogate) can be written in JSON, but neither stored nor sent on."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("the text holds half a Unicode character (a lone surrogate); send whole ones") from None
    return text


def _is_possible(size: str) -> str:
    match = SIZE.fullmatch(size)
    if match is None:
        raise ValueError("write the size as WIDTHxHEIGHT, such as 128x128")
    if not all(MIN_SIDE <= int(side) <= MAX_SIDE for side in match.groups()):
        raise ValueError(f"each side must be from {MIN_SIDE} to {MAX_SIDE}")
    return size


Text = Annotated[str, AfterValidator(_is_unicode)]
Id = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$"), AfterValidator(_is_unicode)]
"""A name that every database can look for: PostgreSQL takes no NUL."""
Size = Annotated[
    str,
    AfterValidator(_is_possible),
    Field(
        description="Width x height in pixels, such as 1024x1024.", json_schema_extra={"pattern": f"^{SIZE.pattern}$"}
    ),
]


class Body(BaseModel):
    """JSON types as they are; unknown fields are ignored, since clients send many."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class DiptychOptions(Body):
    """The extension object: what OpenAI's API has no field for. Its presence asks for events of the workers too."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    fast: bool = False
    """The painter's few-step setting, where it has one."""
    steps: int | None = Field(default=None, ge=1, le=150)
    guidance: float | None = Field(default=None, ge=0, le=30)
    negative_prompt: Text | None = Field(default=None, max_length=4000)
    strength: float | None = Field(default=None, gt=0, le=1)
    """Of edits, how much is painted anew: at 1 all, from noise."""
    size: Size | None = None
    best_of: int = Field(default=1, ge=1, le=MAX_BEST_OF)
    """So many seeds are painted, and the picture that fits the prompt best is shown. Of new pictures."""
    painter: Name | Literal[""] = ""
    """The painter that is to paint, where there are several; empty: the usual one."""
    loras: Loras = {}
    """What is laid over the painter: LoRAs of its folder by name, each with its weight."""
    fresh: bool = False
    """Paint anew, even where the same was painted before."""
    lettering: bool = True
    """Set words that the prompt wants in the picture as type; else they are left to the painter."""

    @model_validator(mode="after")
    def _fast_decides_alone(self) -> Self:
        if self.fast and (self.steps is not None or self.guidance is not None):
            raise ValueError("fast has steps and guidance of its own; leave fast out, or steps and guidance")
        return self

    @property
    def painting(self) -> PaintingOptions:
        width, height = map(int, self.size.split("x")) if self.size else (None, None)
        return PaintingOptions(
            seed=self.seed,
            fast=self.fast,
            steps=self.steps,
            guidance_scale=self.guidance,
            negative_prompt=self.negative_prompt,
            strength=self.strength,
            width=width,
            height=height,
            best_of=self.best_of,
            painter=self.painter,
            loras=self.loras,
            fresh=self.fresh,
            lettering=self.lettering,
        )
