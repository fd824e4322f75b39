"""What all messages about jobs are made of. Knows no single kind of job."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of a picture; right and bottom are outside it."""
ArtifactId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$")]


class Frozen(BaseModel):
    """Base of all messages: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobKind(StrEnum):
    GENERATE_IMAGE = "generate_image"
    EDIT_IMAGE = "edit_image"
    READ_TEXT = "read_text"
    COMPOSE_TEXT = "compose_text"
    FIND_TEXT = "find_text"
