"""What happens in a turn, as one tagged union. Every public API is an adapter from it; it knows no wire format.

Workers emit the job events; the orchestrator emits the rest, and numbers them all in its turn's order.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from shared.errors import ErrorRecord
from shared.jobs import ArtifactId, Frozen, JobKind, JobOutput
from shared.text_jobs import TextLine


class TextQuote(Frozen):
    """A part of an answer that stands in a picture, as OCR read it."""

    start: int
    end: int
    """In characters of the piece of text that it comes with."""
    image: str
    """The picture's handle; empty where it is not known any more."""
    text: str
    """The handle of what was read."""
    lines: tuple[int, ...]
    """From 1."""
    boxes: tuple[tuple[float, float, float, float], ...]
    """Of those lines: left, top, right, bottom in pixels of the picture."""
    error_rate: float = 0
    """Edit distance between what the VLM wrote and what was read, per character."""
    written: str | None = None
    """What the VLM wrote, where that was corrected."""


class TextDelta(Frozen):
    """A piece of the answer's text."""

    type: Literal["text_delta"] = "text_delta"
    text: str
    quotes: tuple[TextQuote, ...] = ()


class TextEnded(Frozen):
    """The text before a tool call is complete: what comes next stands apart from it."""

    type: Literal["text_ended"] = "text_ended"


class ToolCalled(Frozen):
    """The VLM called a tool; its arguments have been validated."""

    type: Literal["tool_called"] = "tool_called"
    id: str
    """The call's own id as an item of the conversation."""
    call_id: str
    name: str
    arguments: dict[str, object]
    source: str | None = None
    """Link to the picture that it is about, where it is about one."""


class FunctionCalled(Frozen):
    """The VLM called a function that the client brought along. The turn ends; its output comes with the next one."""

    type: Literal["function_called"] = "function_called"
    id: str
    call_id: str
    name: str
    arguments: str
    """JSON text as the VLM wrote it: the client's schema is the client's to check."""


class PictureShown(Frozen):
    """A call made a picture that the person is to see."""

    type: Literal["picture_shown"] = "picture_shown"
    id: str
    call_id: str
    alt: str
    """What it shows, in words."""
    artifact: ArtifactId
    link: str


class ToolReturned(Frozen):
    """A tool call is over: its result joins the conversation."""

    type: Literal["tool_returned"] = "tool_returned"
    id: str
    call_id: str
    error: ErrorRecord | None = None
    """Why it could not be done, which the VLM is told."""


class JobQueued(Frozen):
    """A tool call became a job, committed to the ledger. Comes again when its place in the queue changes."""

    type: Literal["job_queued"] = "job_queued"
    job_id: str
    kind: JobKind
    call_id: str | None = None
    """The tool call that it serves; None where no VLM asked for it."""
    place: int | None = None
    """In its queue: 1 is taken next. None: it waits no longer."""
    eta_s: float | None = None
    """When it is likely to be done, from how long such jobs took lately. None: nothing was measured yet."""


class JobStarted(Frozen):
    """A worker claimed the job. A second attempt starts again at step 0."""

    type: Literal["job_started"] = "job_started"
    job_id: str
    attempt: int


class JobPrepared(Frozen):
    """A picture's first step is about to be taken."""

    type: Literal["job_prepared"] = "job_prepared"
    job_id: str
    attempt: int
    noise: tuple[float, ...]
    """The share of the picture's variance that is noise, before each step and after the last one: the schedule."""


class JobProgress(Frozen):
    """Step `step` of `total` is done."""

    type: Literal["job_progress"] = "job_progress"
    job_id: str
    attempt: int
    step: int
    total: int


class JobPreview(Frozen):
    """The picture as it is after `step`."""

    type: Literal["job_preview"] = "job_preview"
    job_id: str
    attempt: int
    step: int
    jpeg_base64: str


class JobLine(Frozen):
    """A line of text was read; lines come in reading order."""

    type: Literal["job_line"] = "job_line"
    job_id: str
    attempt: int
    step: int
    line: TextLine


class JobFinished(Frozen):
    type: Literal["job_finished"] = "job_finished"
    job_id: str
    output: JobOutput


class JobFailed(Frozen):
    """The job ended without a result: its error says why. Cancelled jobs end so too (code `job_cancelled`)."""

    type: Literal["job_failed"] = "job_failed"
    job_id: str
    error: ErrorRecord


class Usage(Frozen):
    """Tokens of all VLM calls of a turn."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    image_tokens: int = 0
    """The part of prompt_tokens that are image patches."""
    cached_tokens: int = 0
    """The part of prompt_tokens that the VLM's server did not have to compute again; ours has no such cache."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            image_tokens=self.image_tokens + other.image_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )


class TurnProgress(Frozen):
    """How far a turn has come: with the conversation's items, all that it takes to go on from there."""

    step: int = 0
    """Answers of the VLM so far."""
    usage: Usage = Usage()
    calls: int = 0
    format_errors: int = 0
    shown: bool = False
    """Whether anything was shown."""
    read_first: bool = False
    """Whether what had to be read before the first answer has been called for."""
    handed_back: tuple[FunctionCalled, ...] = ()
    """Calls of the client's functions in the last answer, with which the turn will end."""


class StepEnded(Frozen):
    """The VLM has answered, or a call has returned, and the conversation holds what came of it. Nobody is shown it."""

    type: Literal["step_ended"] = "step_ended"
    progress: TurnProgress


class TurnCompleted(Frozen):
    type: Literal["turn_completed"] = "turn_completed"
    usage: Usage
    finish_reason: Literal["stop", "length", "tool_calls"] = "stop"


class TurnFailed(Frozen):
    type: Literal["turn_failed"] = "turn_failed"
    error: ErrorRecord
    status: int
    """The HTTP status that this error has where no byte of the answer was sent yet."""


class TurnCancelled(Frozen):
    """Somebody stopped the turn."""

    type: Literal["turn_cancelled"] = "turn_cancelled"


AttemptEvent = JobStarted | JobPrepared | JobProgress | JobPreview | JobLine
AnyJobEvent = JobQueued | AttemptEvent | JobFinished | JobFailed
JobEvent = Annotated[AnyJobEvent, Field(discriminator="type")]
TurnEnd = TurnCompleted | TurnFailed | TurnCancelled
CallEvent = ToolCalled | FunctionCalled | PictureShown | ToolReturned
TurnEvent = TextDelta | TextEnded | CallEvent | AnyJobEvent | StepEnded | TurnEnd

job_event_adapter: TypeAdapter[JobEvent] = TypeAdapter(JobEvent)
