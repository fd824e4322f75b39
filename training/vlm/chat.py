"""A conversation under construction: messages in OpenAI form, and what is said, called and answered in them.

Knows the form of messages, handles and results. Does not know who says what when.
"""

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

from training.phrasings.subjects import nonsense
from training.world import Scene, sample_scene

PAGE, STRANGE = "page", "strange"
"""Pictures outside the world: a document or screenshot; a photo-like image."""
Picture = Scene | str

WORDS_FIRST = 0.3
"""How often clients put the words before the pictures."""
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

    `handles` are those of the images so far.
    """

    tools: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    handles: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """Handles of drawn pictures that come before the next user message."""
    next_image: int = 1
    next_text: int = 1
    going_on: bool = False
    """Another turn follows the one under construction."""
    can_draw: bool = True
    can_read: bool = False

    def new_handle(self) -> str:
        """The handle of the next image, shown or drawn."""
        handle = f"image_{self.next_image}"
        self.next_image += 1
        self.handles.append(handle)
        return handle

    def new_text(self) -> str:
        """The handle of the next text that is read."""
        handle = f"text_{self.next_text}"
        self.next_text += 1
        return handle


def tool_call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """One entry of an assistant message's `tool_calls`."""
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def user_says(chat: Conversation, message: str, pictures: list[Picture], rng: Random) -> None:
    """A user message with its pictures, mostly before the words; first those drawn since the last message."""
    drawn: list[Picture] = [sample_scene(rng) for _ in chat.unseen]
    handles = chat.unseen + [chat.new_handle() for _ in pictures]
    chat.unseen = []
    chat.pictures += drawn + pictures
    if not handles:
        chat.messages.append({"role": "user", "content": message})
        return
    parts: list[dict[str, str]] = []
    for handle in handles:
        parts += [{"type": "text", "text": f"{handle}: "}, {"type": "image"}]
    first = 2 * len(drawn) if pictures and rng.random() < WORDS_FIRST else len(parts)
    parts.insert(first, {"type": "text", "text": message})
    chat.messages.append({"role": "user", "content": parts})


def says(chat: Conversation, words: str, *, learned: bool = True) -> None:
    """An answer in words; not `learned` where code has put something in that the model did not write."""
    chat.messages.append({"role": "assistant", "content": words, "learned": learned})


def calls(chat: Conversation, *wanted: tuple[str, dict[str, Any]]) -> None:
    """An answer that is tool calls: names and arguments."""
    made = [tool_call(name, arguments) for name, arguments in wanted]
    chat.messages.append({"role": "assistant", "content": None, "tool_calls": made})


def result(chat: Conversation, fields: Any) -> None:
    """What a tool gave back: a text as it is, anything else as JSON."""
    text = fields if isinstance(fields, str) else json.dumps(fields, ensure_ascii=False)
    chat.messages.append({"role": "tool", "content": text})


def random_error(rng: Random) -> dict[str, Any]:
    """The result of a failed call."""
    return {"error": rng.choice(_ERRORS) if rng.random() < 0.7 else " ".join(nonsense(rng) for _ in range(5)) + "."}
