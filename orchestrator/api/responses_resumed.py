"""What another process has shown of a response already, read from the events that it recorded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.events import FunctionCalled, PictureShown, ToolCalled, ToolReturned, TurnEvent

GENERATING = "response.image_generation_call.generating"
PARTIAL = "response.image_generation_call.partial_image"


@dataclass(frozen=True)
class OpenCall:
    """A call whose item was begun and not finished."""

    index: int
    generating: bool
    partial_images: int


class Resumed:
    """Answers whether something needs to be shown. One that was begun here has shown nothing."""

    def __init__(self, events: Sequence[dict[str, Any]], cut: str = "") -> None:
        """`cut`: the text behind the last recorded step, with the links of pictures whose calls are run again."""
        ended = {event["item"]["id"] for event in events if event["type"] == "response.output_item.done"}
        begun = [event for event in events if event["type"] == "response.output_item.added"]
        self._ended = ended
        self._open = {event["item"]["id"]: event["output_index"] for event in begun} if events else {}
        self._said = Counter((event["type"], event.get("item_id")) for event in events)
        self._cut = cut

    def has_shown(self, event: TurnEvent) -> bool:
        """Whether it adds nothing to what was shown: a call that is run again says all of it once more."""
        if isinstance(event, PictureShown) and event.artifact in self._cut:  # its link was written
            self._cut = self._cut.replace(event.artifact, "", 1)  # the next call may have painted the same
            return True
        return isinstance(event, ToolCalled | FunctionCalled | PictureShown | ToolReturned) and event.id in self._ended

    def call_of(self, item_id: str) -> OpenCall | None:
        """What was shown of a call that has not ended."""
        index = self._open.get(item_id)
        if index is None or item_id in self._ended:
            return None
        said = self._said
        return OpenCall(index, said[GENERATING, item_id] > 0, said[PARTIAL, item_id])
