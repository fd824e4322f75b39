"""What a job is: one envelope for all kinds, and what the painter's take and give; text's are in shared/text_jobs.py.

The ledger stores these, workers claim them, the API shows them. Each kind names its queue: painting and editing share
one, for one process holds the painter; finding, reading and setting text share the other. Searching
for an input class finds every place that a new kind of job must touch.
"""

import secrets
import time
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.errors import ErrorRecord, InvalidRequest
from shared.job_base import ArtifactId, Box, Frozen, JobKind
from shared.text_jobs import ComposeText, ReadText, TextComposed, TextRead
from shared.text_places import FindText, TextPlaces

MAX_SEED = 2**32 - 1
MAX_PROMPT = 32_000
MIN_SIDE, MAX_SIDE = 64, 4096
"""Of a picture that is asked for, in pixels."""
MAX_BEST_OF = 16
Name = Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")]
"""Of a folder or file that somebody put beside the models."""
Loras = Annotated[dict[Name, Annotated[float, Field(ge=-4, le=4)]], Field(max_length=8)]


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class Painting(Frozen):
    """What all work for the painter has in common. What is None is the painter's own default."""

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)
    negative_prompt: str = Field(default="", max_length=4000)
    seed: int = Field(ge=0, le=MAX_SEED)
    fast: bool = False
    """In the painter's fast setting, where it has one; `steps` and `guidance_scale` are its own then."""
    steps: int | None = Field(default=None, ge=1, le=150)
    guidance_scale: float | None = Field(default=None, ge=0, le=30)
    painter: Name | Literal[""] = ""
    """The name of the painter that is to paint it; empty: the usual one."""
    loras: Loras = Field(default_factory=dict)
    """What is laid over the painter: LoRAs of its folder by name, each with its weight."""
    fresh: bool = False
    """Painted anew, even where the same was painted before."""


class GenerateImage(Painting):
    """Paint a picture from text."""

    kind: Literal[JobKind.GENERATE_IMAGE] = JobKind.GENERATE_IMAGE
    width: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)
    """Sizes that the painter does not paint well are painted near its own size and resized."""
    height: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)
    best_of: int = Field(default=1, ge=1, le=MAX_BEST_OF)
    """So many seeds are painted, from `seed` on, and the picture that fits the prompt best is the result."""


class EditImage(Painting):
    """Paint a picture anew from what is in it: all of it, or inside a mask or a box. It keeps its size.

    Pixels outside the mask or box stay as they are, to the bit.
    """

    kind: Literal[JobKind.EDIT_IMAGE] = JobKind.EDIT_IMAGE
    source: ArtifactId
    strength: float | None = Field(default=None, gt=0, le=1)
    """The share of the steps that is painted: at 1 the painter starts from pure noise and sees nothing of the source
    where it paints. None: 1 inside a mask or box, WHOLE_STRENGTH (services/diffusion/retouching.py) otherwise."""
    mask: ArtifactId | None = None
    """A grey picture of the source's size: what is 255 is painted anew, what is 0 stays."""
    box: Box | None = None
    """In the source: what lies inside is painted anew."""

    @model_validator(mode="after")
    def _one_region(self) -> Self:
        if self.mask is not None and self.box is not None:
            raise ValueError("give a mask or a box, not both")
        return self


class Candidate(Frozen):
    """One of several pictures that the best was chosen from."""

    artifact: ArtifactId
    seed: int
    score: float
    """How well it fits the prompt: CLIP's cosine."""


class GeneratedImage(Frozen):
    """A painted or edited picture and the values that were used for it."""

    kind: Literal[JobKind.GENERATE_IMAGE, JobKind.EDIT_IMAGE] = JobKind.GENERATE_IMAGE
    artifact: ArtifactId
    width: int
    height: int
    native_width: int
    """As it was painted; where it differs, the picture (or the region that was edited) was resized."""
    native_height: int
    seed: int
    fast: bool = False
    steps: int
    guidance_scale: float
    strength: float | None = None
    """Of an edit."""
    noise: tuple[float, ...] = ()
    """The share of the picture's variance that was noise, before each step and after the last one."""
    model: str
    seconds: float
    """Time in the painter: text encoding, all steps, decoding."""
    prompt_tokens: int = 0
    """Tokens of the prompt and the negative prompt that the text encoder took in."""
    image_tokens: int = 0
    """Tokens of the picture in the denoiser: latent cells, in patches of its own."""
    tokens_dropped: int = 0
    """Tokens at the prompt's end that the painter could not take in."""
    unknown_words: tuple[str, ...] = ()
    """Words of the prompt that the painter never learned: what they mean is not in the picture."""
    candidates: tuple[Candidate, ...] = ()
    """Of `best_of`: all of them, the best first."""
    kept: bool = False
    """It was painted before, for the same request."""


JobInput = Annotated[GenerateImage | EditImage | ReadText | ComposeText | FindText, Field(discriminator="kind")]
AnyJobOutput = GeneratedImage | TextRead | TextComposed | TextPlaces
JobOutput = Annotated[AnyJobOutput, Field(discriminator="kind")]


def check_box(box: Box, size: tuple[int, int]) -> None:
    """Raise InvalidRequest where a box is empty or reaches out of a picture of that width and height."""
    left, top, right, bottom = box
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise InvalidRequest(
            f"The box {list(box)} does not lie within the picture of {size[0]}x{size[1]} pixels. Give left, top, right "
            "and bottom.",
            code="invalid_box",
        )


class Queue(StrEnum):
    """Where jobs wait. The workers that serve a queue go by its name."""

    DIFFUSION = "diffusion"
    OCR = "ocr"

    @property
    def task(self) -> str:
        """The Celery task that has a worker take the next job of this queue."""
        return f"{self}.take_next"


QUEUES: dict[JobKind, Queue] = {
    JobKind.GENERATE_IMAGE: Queue.DIFFUSION,
    JobKind.EDIT_IMAGE: Queue.DIFFUSION,
    JobKind.READ_TEXT: Queue.OCR,
    JobKind.COMPOSE_TEXT: Queue.OCR,
    JobKind.FIND_TEXT: Queue.OCR,
}


class Job(Frozen):
    """A piece of work for a worker. Times are seconds since 1970."""

    id: str
    input: JobInput
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    """Counts claims; the fencing token: only the holder of the newest attempt may commit."""
    crashes: int = 0
    """How many attempts ended in silence while other jobs ran in the same worker: any of them may be to blame."""
    crashes_alone: int = 0
    """How many attempts ended in silence while nothing else ran: this job is to blame."""
    alone: bool = False
    """Whether it may only run where nothing else does: its worker died once."""
    lease_until: float | None = None
    cancel_requested: bool = False
    output: JobOutput | None = None
    error: ErrorRecord | None = None
    owner: str
    """Who asked: a digest of the API key, or `local`."""
    reply_to: str | None = None
    """The stream that its events go to: of the orchestrator process that follows it."""
    trace: str | None = None
    """W3C traceparent of the request that it serves."""
    created_at: float
    deadline: float
    started_at: float | None = None
    """When it was claimed first."""
    claimed_at: float | None = None
    """When it was claimed last."""
    finished_at: float | None = None

    @property
    def kind(self) -> JobKind:
        return self.input.kind

    @property
    def queue(self) -> Queue:
        return QUEUES[self.input.kind]


def new_job(work: JobInput, *, owner: str, seconds: float, job_id: str | None = None) -> Job:
    """A queued job that must be finished within `seconds` from now."""
    now = time.time()
    fresh = job_id or f"job_{secrets.token_hex(12)}"
    return Job(id=fresh, input=work, owner=owner, created_at=now, deadline=now + seconds)
