"""What a job is: one envelope for all kinds, and the input and output of each kind.

The ledger stores these, workers claim them, the API shows them. Each kind owns its queue and its Celery task name;
searching for an input class finds every place that a new kind of job must touch.
"""

import secrets
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ErrorRecord

MAX_SEED = 2**32 - 1
MIN_SIDE, MAX_SIDE = 64, 4096
"""Of a picture that is asked for, in pixels."""
ArtifactId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\.(png|jpg|webp)$")]


class Frozen(BaseModel):
    """Base of all messages: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobKind(StrEnum):
    GENERATE_IMAGE = "generate_image"
    READ_TEXT = "read_text"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class GenerateImage(Frozen):
    """Paint a picture from text. What is None is the painter's own default."""

    kind: Literal[JobKind.GENERATE_IMAGE] = JobKind.GENERATE_IMAGE
    prompt: str = Field(min_length=1, max_length=4000)
    negative_prompt: str = Field(default="", max_length=4000)
    seed: int = Field(ge=0, le=MAX_SEED)
    fast: bool = False
    """In the painter's fast setting, where it has one; `steps` and `guidance_scale` are its own then."""
    steps: int | None = Field(default=None, ge=1, le=150)
    guidance_scale: float | None = Field(default=None, ge=0, le=30)
    width: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)
    """Sizes that the painter does not paint well are painted near its own size and resized."""
    height: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)


class GeneratedImage(Frozen):
    """A painted picture and the values that were used for it."""

    kind: Literal[JobKind.GENERATE_IMAGE] = JobKind.GENERATE_IMAGE
    artifact: ArtifactId
    width: int
    height: int
    native_width: int
    """As it was painted; where it differs, the picture was resized to what was asked."""
    native_height: int
    seed: int
    fast: bool = False
    steps: int
    guidance_scale: float
    model: str
    seconds: float
    """Time in the painter: text encoding, all steps, decoding."""
    tokens_dropped: int = 0
    """Tokens at the prompt's end that the painter could not take in."""
    unknown_words: tuple[str, ...] = ()
    """Words of the prompt that the painter never learned: what they mean is not in the picture."""


class ReadText(Frozen):
    """Read all text in a picture."""

    kind: Literal[JobKind.READ_TEXT] = JobKind.READ_TEXT
    artifact: ArtifactId


class TextLine(Frozen):
    """One line of text, in reading order."""

    text: str
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    confidence: float
    """The recogniser's mean probability per character, 0 to 1."""


class TextRead(Frozen):
    """The exact text of a picture."""

    kind: Literal[JobKind.READ_TEXT] = JobKind.READ_TEXT
    lines: tuple[TextLine, ...]
    width: int
    height: int
    engine: str
    seconds: float

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)


JobInput = Annotated[GenerateImage | ReadText, Field(discriminator="kind")]
JobOutput = Annotated[GeneratedImage | TextRead, Field(discriminator="kind")]


@dataclass(frozen=True)
class Route:
    """How a kind of job travels: its Celery queue and task, and the worker that serves it."""

    queue: str
    task: str
    worker: str


ROUTES: dict[JobKind, Route] = {
    JobKind.GENERATE_IMAGE: Route(queue="diffusion", task="diffusion.generate_image", worker="diffusion"),
    JobKind.READ_TEXT: Route(queue="ocr", task="ocr.read_text", worker="ocr"),
}

WORKERS = tuple(sorted({route.worker for route in ROUTES.values()}))
"""The roles of workers."""


class Job(Frozen):
    """A piece of work for a worker. Times are seconds since 1970."""

    id: str
    input: JobInput
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    """Counts claims; the fencing token: only the holder of the newest attempt may commit."""
    crashes: int = 0
    """How many of those attempts ended in silence: their worker died or hung."""
    lease_until: float | None = None
    cancel_requested: bool = False
    output: JobOutput | None = None
    error: ErrorRecord | None = None
    owner: str
    """Who asked: a digest of the API key, or `local`."""
    created_at: float
    deadline: float
    started_at: float | None = None
    finished_at: float | None = None

    @property
    def kind(self) -> JobKind:
        return self.input.kind

    @property
    def route(self) -> Route:
        return ROUTES[self.input.kind]


def new_job(work: GenerateImage | ReadText, *, owner: str, seconds: float) -> Job:
    """A queued job that must be finished within `seconds` from now."""
    now = time.time()
    return Job(id=f"job_{secrets.token_hex(12)}", input=work, owner=owner, created_at=now, deadline=now + seconds)
