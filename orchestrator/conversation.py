"""The items of a conversation, append-only, and what the VLM is shown of them.

Pictures and texts are known by handles (`image_1`, `text_1`); the bytes stay in the artifact store and exact text
never has to be copied by a model. Knows no wire format but the VLM's chat messages, which all such servers share.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.artifacts import ArtifactStore, media_type_of
from shared.errors import InvalidRequest
from shared.jobs import Frozen, TextRead

NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
HANDLE = re.compile(
    r"\{\{\s*(?P<name>(?:text|image)_\d+)(?::(?:(?P<first>\d+)(?:-(?P<last>\d+))?|(?P<unknown>unknown)))?\s*\}\}"
)


class TextPart(Frozen):
    type: Literal["text"] = "text"
    text: str


class ImagePart(Frozen):
    """A picture, by handle; Conversation.images has its artifact."""

    type: Literal["image"] = "image"
    handle: str


class Message(Frozen):
    """Something said. Only a user's message has pictures in it."""

    type: Literal["message"] = "message"
    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | ImagePart, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class ToolCall(Frozen):
    """The VLM's wish, as it wrote it: `arguments` is JSON text, not yet validated."""

    type: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: str


class ToolResult(Frozen):
    """What came of a call, as JSON text for the VLM."""

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    output: str


Item = Message | ToolCall | ToolResult


@dataclass
class Conversation:
    """One conversation of one owner. `items` is only ever appended to."""

    store: ArtifactStore
    max_images: int
    items: list[Item] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    """Handle to artifact id, in order of appearance."""
    texts: dict[str, TextRead] = field(default_factory=dict)
    """Handle to exact text."""
    unknown_words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Handle of a painted picture to the words of its prompt that the painter does not know."""
    unseen: list[str] = field(default_factory=list)
    """Handles of pictures that the VLM has been told of but has not looked at."""

    def add_image(self, artifact_id: str, *, seen: bool, unknown_words: tuple[str, ...] = ()) -> str:
        """The handle of a picture; the same picture again keeps its handle. Raises InvalidRequest over the bound."""
        for handle, known in self.images.items():
            if known == artifact_id:
                return handle
        if len(self.images) >= self.max_images:
            raise InvalidRequest(f"A conversation may hold at most {self.max_images} images. Start a new one.")
        handle = f"image_{len(self.images) + 1}"
        self.images[handle] = artifact_id
        self.unknown_words[handle] = unknown_words
        if not seen:
            self.unseen.append(handle)
        return handle

    def add_text(self, text: TextRead) -> str:
        handle = f"text_{len(self.texts) + 1}"
        self.texts[handle] = text
        return handle

    def add_user(self, parts: list[TextPart | ImagePart]) -> None:
        """A user's message. Pictures made since the last one come first in it, so that the VLM sees them too."""
        earlier: list[TextPart | ImagePart] = [ImagePart(handle=handle) for handle in self.unseen]
        self.unseen.clear()
        self.items.append(Message(role="user", parts=(*earlier, *parts)))

    def resolve(self, match: re.Match[str]) -> str | None:
        """The exact text that a handle in an answer stands for; None for an image or an unknown handle."""
        if match["unknown"]:
            return " and ".join(f"“{word}”" for word in self.unknown_words.get(match["name"], ())) or None
        text = self.texts.get(match["name"])
        if text is None:
            return None
        first = int(match["first"] or 1)
        last = int(match["last"] or match["first"] or len(text.lines))
        return "\n".join(line.text for line in text.lines[max(first - 1, 0) : last])

    def vlm_messages(self, system: str) -> list[dict[str, Any]]:
        """The conversation as chat messages; all system texts become one message in front, as templates expect."""
        texts = [item.text for item in self.items if isinstance(item, Message) and item.role == "system"]
        messages: list[dict[str, Any]] = [{"role": "system", "content": "\n\n".join([system, *texts])}]
        for item in self.items:
            if isinstance(item, Message):
                if item.role != "system":
                    messages.append({"role": item.role, "content": self._content(item)})
            elif isinstance(item, ToolCall):
                _append_call(messages, item)
            else:
                messages.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})
        return messages

    def _content(self, message: Message) -> str | list[dict[str, Any]]:
        if all(isinstance(part, TextPart) for part in message.parts):
            return message.text
        content: list[dict[str, Any]] = []
        for part in message.parts:
            if isinstance(part, TextPart):
                content.append({"type": "text", "text": part.text})
            else:
                content.append({"type": "text", "text": f"{part.handle}: "})
                content.append({"type": "image_url", "image_url": {"url": self._data_url(self.images[part.handle])}})
        return content

    def _data_url(self, artifact_id: str) -> str:
        encoded = base64.b64encode(self.store.get(artifact_id)).decode()
        return f"data:{media_type_of(artifact_id)};base64,{encoded}"


def _json_object(text: str) -> str:
    """Arguments as chat templates can read them: what is not a JSON object is shown as an empty one."""
    try:
        return text if isinstance(json.loads(text), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def _append_call(messages: list[dict[str, Any]], call: ToolCall) -> None:
    """Calls of one answer belong to one assistant message, together with the text before them."""
    if messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    function = {"name": NOT_IN_A_NAME.sub("_", call.name)[:64] or "_", "arguments": _json_object(call.arguments)}
    calls: list[dict[str, Any]] = messages[-1].setdefault("tool_calls", [])
    calls.append({"id": call.call_id, "type": "function", "function": function})
