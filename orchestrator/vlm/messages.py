"""What the VLM is shown of a conversation: chat messages in OpenAI's form, which all such servers share."""

import base64
import json
import re
from typing import Any

from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, Message, ToolCall, ToolResult
from shared.artifacts import ArtifactStore, media_type_of

NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def vlm_messages(conversation: Conversation, system: str) -> list[dict[str, Any]]:
    """All system texts become one message in front, as templates expect. Blocks: it reads and encodes pictures."""
    items = conversation.items
    texts = [item.text for item in items if isinstance(item, Message) and item.role == "system"]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "\n\n".join([system, *texts])}]
    for item in items:
        if isinstance(item, Message):
            if item.role != "system":
                messages.append({"role": item.role, "content": _content(item, conversation.store)})
        elif isinstance(item, ToolCall):
            _append_call(messages, item)
        elif isinstance(item, ToolResult):
            content = _result(item, conversation.store)
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": content})
    return messages


def newer_half(messages: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The same without its older half, from a user's message on; None where only the last of those is left."""
    asked = [at for at, message in enumerate(messages) if message["role"] == "user"]
    if len(asked) < 2:
        return None
    return [messages[0], *messages[asked[(len(asked) + 1) // 2] :]]


def _content(message: Message, store: ArtifactStore) -> str | list[dict[str, Any]]:
    shown = any(isinstance(part, ImagePart) and part.shown for part in message.parts)
    if message.role == "assistant" or not shown:
        return message.text
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, ImagePart) and not part.shown:
            content.append({"type": "text", "text": f"[{part.handle}]"})
        elif isinstance(part, ImagePart):
            content += _shown(part.handle, part.artifact, store)
        else:
            content.append({"type": "text", "text": part.text})
    return content


def _result(result: ToolResult, store: ArtifactStore) -> str | list[dict[str, Any]]:
    if result.picture is None or not result.picture.seen:
        return result.output
    return [{"type": "text", "text": result.output}, *_shown(result.picture.handle, result.picture.artifact, store)]


def _shown(handle: str, artifact_id: str, store: ArtifactStore) -> list[dict[str, Any]]:
    """A picture behind its name."""
    url = data_url(artifact_id, store)
    return [{"type": "text", "text": f"{handle}: "}, {"type": "image_url", "image_url": {"url": url}}]


def data_url(artifact_id: str, store: ArtifactStore) -> str:
    """A picture as servers take it in a message. Raises NotFound."""
    encoded = base64.b64encode(store.get(artifact_id)).decode()
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
