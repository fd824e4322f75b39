"""A turn as the numbered events of a response, in the order of OpenAI's Responses API.

Keeps the response object up to date with them. Pictures are references to artifacts; `responses_pictures` sets them
in. Tools that the request does not name leave only text: a picture of theirs is a Markdown link.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.responses_events import Event, ResponseEvents, Writer
from orchestrator.api.responses_items import (
    ImageForm,
    failed,
    function_item,
    hosted_item,
)
from orchestrator.api.responses_object import ending
from orchestrator.api.responses_pictures import Pictures, reference
from orchestrator.api.responses_resumed import Resumed
from orchestrator.links import markdown_image
from shared.errors import ErrorRecord, JobCancelled, Stopping
from shared.events import (
    AnyJobEvent,
    FunctionCalled,
    JobFinished,
    JobPreview,
    JobProgress,
    JobQueued,
    JobStarted,
    PictureShown,
    TextDelta,
    TextEnded,
    ToolCalled,
    ToolReturned,
    TurnCompleted,
    TurnEnd,
    TurnEvent,
    TurnFailed,
)
from shared.jobs import JobOutput

STOPPED, STOPPING = JobCancelled().record, Stopping().record


@dataclass
class _Call:
    """A tool call whose item is shown."""

    event: ToolCalled
    index: int
    generating: bool = False
    """Whether it was said that the painter has begun."""
    partial_images: int = 0
    total: int = 0
    output: JobOutput | None = None


@dataclass
class ResponseStream:
    """One response. Feed it a turn's events, in order."""

    response: dict[str, Any]
    pictures: Pictures
    images: ImageForm | None
    """How pictures are shown; None: as links."""
    hosted: frozenset[str]
    """Names of our other tools whose calls are shown."""
    extended: bool
    """Whether the workers' events are told."""
    only_json: bool
    """Whether the text is a JSON document, into which nothing is set."""
    ended: bool = False
    _calls: dict[str, _Call] = field(default_factory=dict)
    """Shown calls that have not returned, by call id."""
    _jobs: dict[str, str] = field(default_factory=dict)
    """Job id to call id."""

    _resumed: "Resumed" = field(default_factory=lambda: Resumed(()))

    def __post_init__(self) -> None:
        self._events = ResponseEvents(self.response)
        self._writer = Writer(self._events)

    def opening(self) -> list[Event]:
        """What comes before the turn's first event."""
        events = [self._events.state("response.created")]
        if self.response["background"]:
            events.append(self._events.state("response.queued"))
            self.response["status"] = "in_progress"
        return [*events, self._events.state("response.in_progress")]

    def restore(self, events: Sequence[Event], written: int) -> tuple[str, list[Event]]:
        """Go on behind events that were sent by another process.

        `written`: characters of text that came before the last recorded step. What was written since is cut: returned,
        with the events that close it as an incomplete message.
        """
        self._events.restore(events)
        cut = self._writer.restore(events)[written:]
        self._writer.gap = self._writer.gap and not self.only_json
        self._resumed = Resumed(events, cut)
        return cut, list(self._writer.close("incomplete")) if cut else []

    @property
    def written(self) -> int:
        """Characters of text so far."""
        return self._writer.written

    async def take(self, event: TurnEvent) -> list[Event]:
        """What clients see of an event."""
        if self._resumed.has_shown(event):
            return []
        return list(self._shaped(event, await self._kept(event)))

    def stop(self, error: ErrorRecord = STOPPING) -> list[Event]:
        """End it as failed, because no more events will come."""
        return list(self._end(TurnFailed(error=error, status=Stopping.status)))

    async def _kept(self, event: TurnEvent) -> str | None:
        """The artifact of the picture in an event, in the form in which it is shown; None where none is."""
        if isinstance(event, PictureShown) and event.call_id in self._calls and self.images:
            return await self.pictures.encoded(event.artifact, self.images.tool.encoding)
        if isinstance(event, JobPreview) and (self.extended or self._partial_is_due(event)):
            return await self.pictures.keep_preview(event.jpeg_base64)
        return None

    def _shaped(self, event: TurnEvent, artifact: str | None) -> Iterator[Event]:
        if isinstance(event, TextDelta):
            yield from self._writer.write(event.text, event.quotes if self._shows_quotes else ())
        elif isinstance(event, TextEnded):
            self._writer.gap = not self.only_json
        elif isinstance(event, ToolCalled):
            yield from self._called(event)
        elif isinstance(event, FunctionCalled):
            yield from self._function(event)
        elif isinstance(event, PictureShown):
            yield from self._picture(event, artifact)
        elif isinstance(event, ToolReturned):
            yield from self._returned(event)
        elif isinstance(event, AnyJobEvent):
            yield from self._job(event, artifact)
        elif isinstance(event, TurnEnd):
            yield from self._end(event)

    @property
    def _shows_quotes(self) -> bool:
        """Whether what supports a quote is told: an extension, so only to who knows our reading."""
        return self.extended or "read_text" in self.hosted

    def _called(self, event: ToolCalled) -> Iterator[Event]:
        painting = event.id.startswith("ig_")
        if (self.images is None) if painting else (event.name not in self.hosted):
            return
        if (known := self._resumed.call_of(event.id)) is not None:
            self._calls[event.call_id] = _Call(event, known.index, known.generating, known.partial_images)
            return
        yield from self._writer.close()
        begun = self.images.begun(event) if self.images and painting else hosted_item(event, "in_progress")
        index, added = self._events.add_item(begun)
        self._calls[event.call_id] = _Call(event, index)
        yield added
        if painting:
            yield self._image_event("in_progress", event.id, index)

    def _function(self, event: FunctionCalled) -> Iterator[Event]:
        yield from self._writer.close()
        index, added = self._events.add_item(function_item(event, "in_progress", ""))
        yield added
        place = {"item_id": event.id, "output_index": index}
        yield self._events.event("response.function_call_arguments.delta", **place, delta=event.arguments)
        yield self._events.event(
            "response.function_call_arguments.done", **place, name=event.name, arguments=event.arguments
        )
        yield self._events.finish_item(index, function_item(event, "completed", event.arguments))

    def _picture(self, event: PictureShown, artifact: str | None) -> Iterator[Event]:
        if artifact is None or self.images is None:
            if self.only_json:
                return
            yield from self._writer.write(markdown_image(event.alt, event.link))
            self._writer.gap = True
            return
        call = self._calls.pop(event.call_id)
        item = self.images.done(call.event, event, given=artifact, output=call.output)
        yield self._image_event("completed", event.id, call.index)
        yield self._events.finish_item(call.index, item)

    def _returned(self, event: ToolReturned) -> Iterator[Event]:
        call = self._calls.pop(event.call_id, None)
        if call is None:
            return
        if event.error is not None:
            yield self._events.finish_item(call.index, failed(self.response["output"][call.index], event.error))
        else:
            yield self._events.finish_item(call.index, hosted_item(call.event, "completed", call.output))

    def _job(self, event: AnyJobEvent, artifact: str | None) -> Iterator[Event]:
        if isinstance(event, JobQueued) and event.call_id is not None:
            self._jobs[event.job_id] = event.call_id
        if self.extended:
            yield self._told(event, artifact)
        call = self._call_of(event)
        if call is None:
            return
        if isinstance(event, JobStarted) and not call.generating and call.event.id.startswith("ig_"):
            call.generating = True
            yield self._image_event("generating", call.event.id, call.index)
        elif isinstance(event, JobProgress):
            call.total = event.total
        elif isinstance(event, JobPreview) and artifact is not None and self._partial_is_due(event):
            yield self._partial(call, artifact)
        elif isinstance(event, JobFinished):
            call.output = event.output

    def _call_of(self, event: AnyJobEvent) -> _Call | None:
        """The shown call that a job serves."""
        return self._calls.get(self._jobs.get(event.job_id, ""))

    def _told(self, event: AnyJobEvent, preview: str | None) -> Event:
        """A worker's event, for clients that asked for our own."""
        values = event.model_dump(mode="json", exclude={"type", "jpeg_base64"})
        call = self._call_of(event)
        if call is not None:
            values["item_id"] = call.event.id
        if preview is not None:
            values |= {"partial_image_b64": reference(preview), "output_format": "jpeg"}
        return self._events.event(f"diptych:{event.type}", **values)

    def _partial_is_due(self, preview: JobPreview) -> bool:
        """Whether it is one of those that were asked for, which are spread evenly over the steps."""
        call = self._call_of(preview)
        if call is None or self.images is None or call.partial_images >= self.images.tool.partial_images:
            return False
        return preview.step >= (call.partial_images + 1) * call.total / (self.images.tool.partial_images + 1)

    def _partial(self, call: _Call, artifact: str) -> Event:
        shown = self._image_event("partial_image", call.event.id, call.index)
        shown |= {"partial_image_index": call.partial_images, "partial_image_b64": reference(artifact)}
        call.partial_images += 1
        return shown | {"output_format": "jpeg", "background": "opaque"}

    def _image_event(self, what: str, item_id: str, index: int) -> Event:
        return self._events.event(f"response.image_generation_call.{what}", item_id=item_id, output_index=index)

    def _end(self, event: TurnEnd) -> Iterator[Event]:
        self.ended = True
        whole = isinstance(event, TurnCompleted) and event.finish_reason != "length"
        yield from self._writer.close("completed" if whole else "incomplete")
        error = event.error if isinstance(event, TurnFailed) else STOPPED
        for index, item in enumerate(self.response["output"]):  # also calls that only another process has shown
            if item["status"] == "in_progress":
                yield self._events.finish_item(index, failed(item, error))
        self._calls.clear()
        self.response |= ending(event)
        # There is no event of its own for a response that was cancelled; its status says so.
        kind = {"completed": "completed", "failed": "failed"}.get(self.response["status"], "incomplete")
        yield self._events.state(f"response.{kind}")
