"""A conversation under construction: messages in OpenAI form, and what is said, called and answered in them.

Knows the form of messages, handles and results. Does not know who says what when.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from training.phrasings.subjects import nonsense
from training.world import Scene

PAGE, STRANGE = "page", "strange"
"""Pictures outside the world: a document or screenshot; a photo-like image."""
Picture = Scene | str

_ERRORS = (
    "The worker is not running.",
    "The job ran out of time.",
    "No worker took the job in time. Start the worker and try again.",
    "The prompt is empty.",
    "The image could not be decoded.",
    "Cancelled.",
    "The queue is full. Try again later.",
    "Out of memory.",
)


@dataclass
class Conversation:
    """Messages in OpenAI form, tools as schemas, and one Picture for each image part, in order.

    `handles` are those of the images so far; `read_for_later` counts the texts read so far.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    next_image: int = 1
    next_text: int = 1
    can_draw: bool = True
    can_read: bool = False

    def new_handle(self) -> str:
        """The handle of the next image, shown or drawn."""
        handle = f"image_{self.next_image}"
        self.next_image += 1
        self.handles.append(handle)
        return handle


def tool_call(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    """One entry of an assistant message's `tool_calls`."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def user_says(chat: Conversation, message: str, pictures: list[Picture]) -> None:
    """A user message; each picture comes before it with its handle."""
    if not pictures:
        chat.messages.append({"role": "user", "content": message})
        return
    parts: list[dict[str, str]] = []
    for picture in pictures:
        parts += [{"type": "text", "text": f"{chat.new_handle()}: "}, {"type": "image"}]
        chat.pictures.append(picture)
    parts.append({"type": "text", "text": message})
    chat.messages.append({"role": "user", "content": parts})


def says(chat: Conversation, words: str) -> None:
    """An answer in words."""
    chat.messages.append({"role": "assistant", "content": words})


def calls(chat: Conversation, name: str, arguments: dict[str, str]) -> None:
    """An answer that is one tool call."""
    chat.messages.append({"role": "assistant", "content": None, "tool_calls": [tool_call(name, arguments)]})


def result(chat: Conversation, fields: dict[str, Any]) -> None:
    """What a tool gave back."""
    chat.messages.append({"role": "tool", "content": json.dumps(fields, ensure_ascii=False)})


def random_error(rng: Random) -> dict[str, Any]:
    """The result of a failed call."""
    return {"error": rng.choice(_ERRORS) if rng.random() < 0.7 else " ".join(nonsense(rng) for _ in range(5)) + "."}
