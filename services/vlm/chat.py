"""OpenAI messages into what a Hugging Face processor takes. Knows chat templates; knows no weights, no HTTP.

Each piece of text from a client is made plain (see `defusing`), each picture is decoded in its own limited process.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from services.vlm import schema
from services.vlm.defusing import Defuser
from services.vlm.request import (
    AssistantMessage,
    ChatRequest,
    ContentPart,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from shared import imaging
from shared.errors import InvalidRequest

HANDLE = re.compile(r"\s*\[?[a-z]+_\d+\]?:?\s*")
"""A text part that only names the picture after it, such as `image_1: `."""

PROBE = "probe"


@dataclass(frozen=True)
class Conversation:
    """What a chat template is rendered with."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None


class ChatReader:
    """Turns requests into conversations, for one model."""

    def __init__(self, processor: Any, defuser: Defuser, max_images: int, copy_prefix: str) -> None:
        """`copy_prefix`: what this model writes before free string arguments, see `folder.CopyArguments`."""
        self._defuser = defuser
        self._max_images = max_images
        self._copy_prefix = copy_prefix
        self._takes_parts = {
            role: template_takes_parts(processor, role) for role in ("system", "user", "assistant", "tool")
        }

    def pictures(self, request: ChatRequest) -> list[Image.Image]:
        """The decoded pictures of a request, in their order. Takes about 0.1 s for each and more.

        Raises:
            InvalidRequest, InvalidImage, RemoteImageRefused: what is wrong, in a sentence.
        """
        parts = [part for message in request.messages for part in parts_of(message) if isinstance(part, ImagePart)]
        if len(parts) > self._max_images:
            raise InvalidRequest(
                f"The conversation has {len(parts)} images; this server takes {self._max_images}. Send fewer.",
                param="messages",
            )
        return [picture(part) for part in parts]

    def read(self, request: ChatRequest, pictures: Sequence[Image.Image]) -> Conversation:
        """The conversation of a request. Raises InvalidRequest for what no template could take."""
        free = {tool.function.name: schema.free_strings(tool) for tool in request.tools or []}
        tools = [self._defuser.plain_in(tool.model_dump(exclude_none=True)) for tool in request.tools or []]
        remaining = iter(pictures)
        messages = [self._message(message, remaining, free) for message in request.messages]
        return Conversation(messages=messages, tools=tools or None)

    def _message(
        self, message: Message, pictures: Iterator[Image.Image], free: dict[str, frozenset[str]]
    ) -> dict[str, Any]:
        role = "system" if message.role == "developer" else message.role
        result: dict[str, Any] = {"role": role, "content": self._content(role, parts_of(message), pictures)}
        if isinstance(message, AssistantMessage) and message.tool_calls:
            result["tool_calls"] = [self._tool_call(call, free) for call in message.tool_calls]
        if isinstance(message, ToolMessage):
            result["tool_call_id"] = self._defuser.plain(message.tool_call_id)
        return result

    def _content(
        self, role: str, parts: Sequence[ContentPart], pictures: Iterator[Image.Image]
    ) -> list[dict[str, Any]] | str:
        content: list[dict[str, Any]] = []
        before = ""
        for part in merged(parts):
            if isinstance(part, ImagePart):
                content.append({"type": "image", "image": next(pictures)})
            else:
                text = self._defuser.plain(part.text, after=before)
                content.append({"type": "text", "text": text})
                before += text
        only_text = all(part["type"] == "text" for part in content)
        return content if self._takes_parts[role] or not only_text else before

    def _tool_call(self, call: ToolCall, free: dict[str, frozenset[str]]) -> dict[str, Any]:
        try:
            arguments = json.loads(call.function.arguments)
        except (ValueError, RecursionError):
            arguments = None
        if not isinstance(arguments, dict):
            raise InvalidRequest(
                f"The arguments of an earlier call of {call.function.name} are no JSON object.", param="messages"
            )
        names = free.get(call.function.name, frozenset())
        written = with_prefix(self._defuser.plain_in(arguments), names, self._copy_prefix)
        return {"type": "function", "id": call.id, "function": {"name": call.function.name, "arguments": written}}


def parts_of(message: Message) -> Sequence[ContentPart]:
    """A message's content as a list of parts."""
    if message.content is None:
        return []
    if isinstance(message.content, str):
        return [TextPart(type="text", text=message.content)]
    return message.content


def merged(parts: Sequence[ContentPart]) -> list[ContentPart]:
    """`parts` with neighbouring texts joined, as chat templates join them."""
    result: list[ContentPart] = []
    for part in parts:
        if isinstance(part, TextPart) and result and isinstance(result[-1], TextPart):
            result[-1] = TextPart(type="text", text=result[-1].text + part.text)
        else:
            result.append(part)
    return result


def picture(part: ImagePart) -> Image.Image:
    """The picture of a data URL, decoded apart from this process."""
    declared, data = imaging.parse_data_url(part.image_url.url)
    return imaging.open_own(imaging.decode(data, declared).png)


def with_prefix(arguments: dict[str, Any], names: frozenset[str], prefix: str) -> dict[str, Any]:
    """`arguments` with `prefix` before the strings in `names`, as the model writes them."""
    return {
        name: prefix + value if name in names and isinstance(value, str) else value for name, value in arguments.items()
    }


def without_prefix(arguments: str, names: frozenset[str], prefix: str) -> str:
    """The JSON text `arguments` with `prefix` taken off the strings in `names`."""
    values = json.loads(arguments)
    if not prefix or not names & values.keys():
        return arguments
    plain = {
        name: value.removeprefix(prefix) if name in names and isinstance(value, str) else value
        for name, value in values.items()
    }
    return json.dumps(plain, ensure_ascii=False)


def words_of_user(messages: Sequence[Message]) -> str:
    """The text of the last user message, without the handles of its pictures, its words parted by single spaces."""
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            texts = [part.text for part in parts_of(message) if isinstance(part, TextPart)]
            return " ".join(" ".join(text for text in texts if not HANDLE.fullmatch(text)).split())
    return ""


def template_takes_parts(processor: Any, role: str) -> bool:
    """Whether the chat template writes the text of this role's list of parts; some want a plain string there."""
    before = [] if role in ("system", "user") else [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    message = {"role": role, "content": [{"type": "text", "text": PROBE}]}
    try:
        rendered = processor.apply_chat_template([*before, message], tokenize=False)
    except Exception:  # a template may raise whatever it likes; it then gets the form that most templates take
        return True
    return PROBE in rendered and not any(f"{quote}{PROBE}{quote}" in rendered for quote in "'\"")
