"""What a tool is: a name, a description for the VLM, a model of its arguments, and how it becomes a job."""

import copy
import functools
import hashlib
import itertools
import json
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict

from orchestrator.conversation import Conversation
from orchestrator.dispatch import JobDispatcher
from orchestrator.items import PictureMade, TextFound, ToolResult
from orchestrator.links import Links
from orchestrator.pictures import size_in
from shared.errors import DeadlineExceeded, ErrorRecord, InvalidRequest
from shared.events import JobEvent, JobFailed
from shared.jobs import MAX_SEED, Box, JobInput, Loras, check_box, new_job


class Arguments(BaseModel):
    """Base of all argument models: JSON types as they are, nothing unknown, no blanks around strings."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True, frozen=True)


@dataclass(frozen=True)
class PaintingOptions:
    """What the person, not the VLM, decides about pictures; None leaves it to the painter."""

    seed: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    fast: bool = False
    negative_prompt: str | None = None
    width: int | None = None
    height: int | None = None
    strength: float | None = None
    """Of edits, as the next one."""
    mask: str | None = None
    """Artifact id; it holds for pictures of its size."""
    best_of: int = 1
    """Of new pictures: how many seeds are tried."""
    painter: str = ""
    loras: Loras = field(default_factory=dict)
    fresh: bool = False
    lettering: bool = True
    """Words that the prompt wants in the picture are set as type."""

    @property
    def fixed_seed(self) -> int:
        """The seed, or one drawn now, so that a second attempt after a crash paints the same picture."""
        return secrets.randbelow(MAX_SEED + 1) if self.seed is None else self.seed


@dataclass(frozen=True)
class ToolContext:
    """What a tool may use. One per turn."""

    conversation: Conversation
    dispatcher: JobDispatcher
    links: Links
    options: PaintingOptions
    owner: str
    job_s: float
    result_chars: int
    jobs: list[str] = field(default_factory=list)
    """Ids of all jobs of the turn."""
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    """The call that is being run."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    """Of that call's jobs."""

    def for_call(self, call_id: str) -> Self:
        """The same for one call."""
        return replace(self, call_id=call_id, _numbers=itertools.count())

    def picture(self, handle: str) -> str:
        """The artifact id behind a handle. Raises ToolFailed."""
        artifact = self.conversation.images.get(handle)
        if artifact is None:
            known = ", ".join(self.conversation.images)
            message = f"There is no {handle}. The pictures here are: {known}."
            raise ToolFailed(ErrorRecord(code="unknown_image", message=message))
        return artifact

    async def run_job(self, work: JobInput) -> AsyncGenerator[JobEvent, None]:
        """The job's events; JobFinished is the last.

        Raises:
            ToolFailed: the job failed in a way that the VLM should be told of.
            WorkerUnavailable, DeadlineExceeded: the turn cannot go on.
        """
        job_id = job_id_of(self.call_id, next(self._numbers))
        job = new_job(work, owner=self.owner, seconds=self.job_s, job_id=job_id)
        self.jobs.append(job.id)
        async for event in self.dispatcher.run(job):
            yield event
            if isinstance(event, JobFailed):
                if event.error.code == DeadlineExceeded.code:
                    raise DeadlineExceeded(event.error.message)
                raise ToolFailed(event.error)


def job_id_of(call_id: str, number: int) -> str:
    """A call that is run again, because the process that ran it died, finds the jobs that it has already."""
    return f"job_{hashlib.sha256(f'{call_id}/{number}'.encode()).hexdigest()[:24]}"


class ToolFailed(Exception):
    """The tool could not do it; the VLM is told why and goes on."""

    def __init__(self, error: ErrorRecord) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class Outcome:
    """What came of a call."""

    told: dict[str, Any]
    """For the VLM."""
    picture: PictureMade | None = None
    alt: str | None = None
    """What the picture shows, in words; None: it is not for the person to see."""
    text: TextFound | None = None

    def as_result(self, call_id: str) -> ToolResult:
        told = json.dumps(self.told, ensure_ascii=False)
        return ToolResult(call_id=call_id, output=told, picture=self.picture, text=self.text)


class Tool(Protocol):
    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]
    item_prefix: ClassVar[str]
    """What the ids of its calls begin with."""

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        """The JSON schema of the arguments in this conversation; None: not offered in it."""
        ...

    def run(self, context: ToolContext, arguments: Any) -> AsyncGenerator[JobEvent | Outcome, None]:
        """The job's events, and the Outcome last. Raises ToolFailed, WorkerUnavailable, DeadlineExceeded."""
        ...


def schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    """A JSON schema with nothing in it but what a VLM needs; the caller's own."""
    return copy.deepcopy(_schema_of(arguments))


@functools.cache
def _schema_of(arguments: type[Arguments]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    for name, described in schema["properties"].items():
        described.pop("title", None)
        if "anyOf" in described:  # a value or null: what may be left out need not be null
            (value,) = (option for option in described.pop("anyOf") if option["type"] != "null")
            described.pop("default")
            schema["properties"][name] = described | value
    keep = ("type", "properties", "required", "additionalProperties")
    return {key: schema[key] for key in keep if key in schema}


def schema_with_images(arguments: type[Arguments], conversation: Conversation) -> dict[str, Any] | None:
    """The same for a tool that takes a picture of the conversation as `image`; None where there is none.

    A `box` says how large the pictures are, for a VLM sees them scaled; and a VLM that is held by a grammar cannot
    write larger numbers.
    """
    if not conversation.images:
        return None
    schema = schema_of(arguments)
    fields = schema["properties"]
    fields["image"]["enum"] = list(conversation.images)
    if "box" in fields:
        sizes = {handle: size_in(conversation.store, artifact) for handle, artifact in conversation.images.items()}
        fields["box"]["description"] += "".join(f" {handle}: {size[0]}x{size[1]}." for handle, size in sizes.items())
        fields["box"]["items"]["maximum"] = max(max(size) for size in sizes.values())
    return schema


def box_in(context: ToolContext, artifact: str, box: list[int]) -> Box:
    """A box as it is used. Raises ToolFailed where it does not lie within the picture."""
    left, top, right, bottom = box
    try:
        check_box((left, top, right, bottom), size_in(context.conversation.store, artifact))
    except InvalidRequest as error:
        raise ToolFailed(error.record) from None
    return left, top, right, bottom
