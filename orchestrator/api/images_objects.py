"""What the Images API answers: the object of a whole answer, and the events of a streamed one, as OpenAI has them.

`diptych` objects are there where the request has one.
"""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel

from orchestrator.api import sse
from orchestrator.api.words_set import WordsSet
from orchestrator.links import Links
from orchestrator.pictures import Format
from shared.events import PictureDone
from shared.jobs import Candidate, GeneratedImage, JobKind

Quality = Literal["low", "high"]
"""`low`: painted in the painter's fast setting."""


class TokenDetails(BaseModel):
    text_tokens: int
    image_tokens: int


class ImageUsage(BaseModel):
    """What the painter's own networks took in and made.

    Text tokens of the prompt and the negative prompt, image tokens of the picture that is edited, and image tokens of
    each picture that is painted, at the size it is painted at.
    """

    input_tokens: int
    input_tokens_details: TokenDetails
    output_tokens: int
    output_tokens_details: TokenDetails
    total_tokens: int

    @classmethod
    def of(cls, pictures: Sequence[GeneratedImage]) -> Self:
        """Of the pictures of one request, which share their prompt and their source."""
        first = pictures[0]
        text, source = first.prompt_tokens, 0 if first.kind is JobKind.GENERATE_IMAGE else first.image_tokens
        painted = sum(picture.image_tokens for picture in pictures)
        return cls(
            input_tokens=text + source,
            input_tokens_details=TokenDetails(text_tokens=text, image_tokens=source),
            output_tokens=painted,
            output_tokens_details=TokenDetails(text_tokens=0, image_tokens=painted),
            total_tokens=text + source + painted,
        )


class PictureDetails(BaseModel):
    """How a picture was painted: what OpenAI's API has no field for."""

    job: str
    """For `/v1/jobs/{id}`."""
    seed: int
    fast: bool
    steps: int
    guidance: float
    strength: float | None = None
    """Of an edit."""
    native_size: str
    """As it (or the region that was edited) was painted; where it differs, it was resized."""
    model: str
    tokens_dropped: int
    """Tokens at the prompt's end that the painter could not take in."""
    unknown_words: tuple[str, ...]
    """Words of the prompt that the painter never learned."""
    candidates: tuple[Candidate, ...]
    """Of `best_of`: all pictures by their artifacts, the best first, with CLIP's cosine to the prompt."""
    kept: bool
    """It was painted before, for the same request."""
    unused_images: int
    """Pictures of an edit's request that were not looked at."""
    lettering: WordsSet | None = None

    @classmethod
    def of(cls, done: PictureDone, unused_images: int, links: Links) -> Self:
        picture = done.painted
        return cls(
            job=done.job_id,
            seed=picture.seed,
            fast=picture.fast,
            steps=picture.steps,
            guidance=picture.guidance_scale,
            strength=picture.strength,
            native_size=f"{picture.native_width}x{picture.native_height}",
            model=picture.model,
            tokens_dropped=picture.tokens_dropped,
            unknown_words=picture.unknown_words,
            candidates=picture.candidates,
            kept=picture.kept,
            unused_images=unused_images,
            lettering=WordsSet.of(done.composed, links) if done.composed else None,
        )


class PictureObject(BaseModel):
    b64_json: str | None = None
    url: str | None = None
    diptych: PictureDetails | None = None


class ImagesAnswer(BaseModel):
    """All pictures of a request."""

    created: int
    data: list[PictureObject]
    background: Literal["opaque"] = "opaque"
    output_format: Format
    quality: Quality
    size: str
    usage: ImageUsage


class PartialImage(BaseModel):
    """A preview of a picture that is being painted, at its own small size."""

    type: Literal["image_generation.partial_image", "image_edit.partial_image"]
    b64_json: str
    partial_image_index: int
    """Counts from 0, for each picture."""
    created_at: int
    background: Literal["opaque"] = "opaque"
    output_format: Format
    quality: Literal["auto"] = "auto"
    size: Literal["auto"] = "auto"


class CompletedImage(BaseModel):
    """A finished picture."""

    type: Literal["image_generation.completed", "image_edit.completed"]
    b64_json: str
    created_at: int
    background: Literal["opaque"] = "opaque"
    output_format: Format
    quality: Quality
    size: str
    usage: ImageUsage
    diptych: PictureDetails | None = None


ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ImagesAnswer,
        "description": (
            "The pictures; where `stream` is true, server-sent events of the types `….partial_image` and `….completed`."
        ),
        "content": sse.DOCUMENTED,
    }
}
"""For the OpenAPI document."""
