"""A response as a part of a conversation: it holds it while it runs, and adds what was asked and answered at its end.

A response that failed or was cancelled adds nothing: the conversation is as if it had not been asked. Knows no HTTP.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from orchestrator.forgetting import Remembered
from orchestrator.items import Item, ToolCall, ToolResult, new_item_id
from orchestrator.records.conversation_items import Addition, conclude
from orchestrator.records.conversations import Seen, hold
from orchestrator.records.responses import Beside
from shared.jobs import Frozen

Listed = dict[str, Any]
ADDED = ("completed", "incomplete")
"""The ends after which what was said stays: also an answer that came to its limit."""


class ConversationTurn(Frozen):
    """One response's place in a conversation."""

    seen: Seen
    asked: Addition
    """The response's input."""
    before: int
    """How many items the VLM was shown before its answer."""

    def beginning(self, response_id: str) -> Beside:
        """Takes the conversation. Raises NotFound, Conflict."""
        return partial(hold, seen=self.seen, response_id=response_id)

    def ending(self, response: Listed, items: Sequence[Item]) -> Beside | None:
        """Adds the whole turn; None where there is nothing to add."""
        if response["status"] not in ADDED:
            return None
        answered = output_addition(response["output"], items[self.before :])
        listed, remembered = self.asked.listed + answered.listed, self.asked.remembered + answered.remembered
        addition = Addition(listed=listed, remembered=remembered)
        return partial(conclude, seen=self.seen, response_id=response["id"], addition=addition)


def input_addition(listed: Iterable[Listed], spans: Iterable[Sequence[Item]], taken: Iterable[str]) -> Addition:
    """Items that a client sends, and what each became. An id that is `taken` already is replaced by a new one."""
    known, fresh, remembered = set(taken), list[Listed](), list[Remembered]()
    for item, span in zip(listed, spans, strict=True):
        item_id = item["id"]
        if item_id in known:
            item_id = new_item_id(item_id.partition("_")[0][:10])
        known.add(item_id)
        fresh.append(item | {"id": item_id})
        remembered += [Remembered(item_id=item_id, item=one) for one in span]
    return Addition(listed=tuple(fresh), remembered=tuple(remembered))


def output_addition(output: Sequence[Listed], items: Iterable[Item]) -> Addition:
    """A response's output, and the items that its turn added to what the VLM is shown.

    A shown call and its result belong to its own item. All else (text, calls that are not shown) belongs to the
    message behind the calls so far, or to the last item where none follows.
    """
    places = {item["id"]: at for at, item in enumerate(output)}
    calls: dict[str, int] = {}
    reached, remembered = -1, list[Remembered]()
    for item in items if output else ():
        place = None
        if isinstance(item, ToolCall) and item.id in places:
            place = calls[item.call_id] = places[item.id]
            reached = max(reached, place)
        elif isinstance(item, ToolResult):
            place = calls.get(item.call_id)
        if place is None:
            later = (at for at, one in enumerate(output) if at > reached and one["type"] == "message")
            place = next(later, len(output) - 1)
        remembered.append(Remembered(item_id=output[place]["id"], item=item))
    return Addition(listed=tuple(output), remembered=tuple(remembered))
