"""The numbered events of one response, its items as they are added and finished, and the message that is written."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.responses_items import message_item, quote_annotation, text_part
from orchestrator.items import new_item_id
from shared.events import TextQuote

Event = dict[str, Any]
ANNOTATED = "response.output_text.annotation.added"


@dataclass
class ResponseEvents:
    """Numbers events, and keeps the response object up to date with them."""

    response: dict[str, Any]
    _number: int = 0

    def restore(self, events: Sequence[Event]) -> None:
        """Go on behind events that were sent by another process."""
        output = self.response["output"]
        for event in events:
            self._number = event["sequence_number"] + 1
            if event["type"] == "response.output_item.added":
                output.append(event["item"])
            elif event["type"] == "response.output_item.done":
                output[event["output_index"]] = event["item"]
            elif event["type"] == "response.in_progress":
                self.response["status"] = "in_progress"

    def event(self, kind: str, /, **fields: Any) -> Event:
        event = {"type": kind, "sequence_number": self._number} | fields
        self._number += 1
        return event

    def state(self, kind: str) -> Event:
        """An event that shows the response as it is now."""
        return self.event(kind, response=copy.deepcopy(self.response))

    def add_item(self, item: dict[str, Any]) -> tuple[int, Event]:
        """The item's place in the output, and the event."""
        index = len(self.response["output"])
        self.response["output"].append(item)
        return index, self.event("response.output_item.added", output_index=index, item=item)

    def finish_item(self, index: int, item: dict[str, Any]) -> Event:
        self.response["output"][index] = item
        return self.event("response.output_item.done", output_index=index, item=item)


@dataclass
class _Message:
    id: str
    index: int
    text: str = ""
    annotations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def place(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index, "content_index": 0}


class Writer:
    """Writes text into a message, which it begins where none is open."""

    def __init__(self, events: ResponseEvents) -> None:
        self._events = events
        self._message: _Message | None = None
        self.gap = False
        """Whether a blank line belongs before the next text."""
        self.written = 0
        """Characters of text so far."""

    def restore(self, events: Sequence[Event]) -> str:
        """Go on behind events that were sent by another process. Returns the whole text that they hold."""
        deltas = [event for event in events if event["type"] == "response.output_text.delta"]
        last = self._events.response["output"][-1:]
        if last and last[0]["type"] == "message" and last[0]["status"] == "in_progress":
            (item,) = last
            text = "".join(event["delta"] for event in deltas if event["item_id"] == item["id"])
            added = [event for event in events if event["type"] == ANNOTATED and event["item_id"] == item["id"]]
            annotations = [event["annotation"] for event in added]
            self._message = _Message(item["id"], len(self._events.response["output"]) - 1, text, annotations)
            self.gap = bool(text)  # it goes on behind a call, or is closed
        whole = "".join(event["delta"] for event in deltas)
        self.written = len(whole)
        return whole

    def write(self, text: str, quotes: Sequence[TextQuote] = ()) -> Iterator[Event]:
        if self._message is None:
            message = _Message(id=new_item_id("msg"), index=len(self._events.response["output"]))
            _, added = self._events.add_item(message_item(message.id, "in_progress", None))
            yield added
            yield self._events.event("response.content_part.added", **message.place, part=text_part(""))
            self._message = message
        offset = len(self._message.text)
        if self.gap and offset:
            text = f"\n\n{text}"
            offset += 2
        self.gap = False
        self._message.text += text
        self.written += len(text)
        yield self._events.event("response.output_text.delta", **self._message.place, delta=text, logprobs=[])
        for quote in quotes:
            annotation, index = quote_annotation(quote, offset), len(self._message.annotations)
            self._message.annotations.append(annotation)
            yield self._events.event(ANNOTATED, **self._message.place, annotation_index=index, annotation=annotation)

    def close(self, status: str = "completed") -> Iterator[Event]:
        """End the message, if one is open."""
        message, self._message, self.gap = self._message, None, False
        if message is None:
            return
        yield self._events.event("response.output_text.done", **message.place, text=message.text, logprobs=[])
        part = text_part(message.text, message.annotations)
        yield self._events.event("response.content_part.done", **message.place, part=part)
        done = message_item(message.id, status, message.text, message.annotations)
        yield self._events.finish_item(message.index, done)
