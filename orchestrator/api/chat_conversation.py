"""Chat messages as the items of a conversation: uploads get handles, and so do our own pictures in earlier answers."""

import re

from orchestrator.api.chat_messages import AssistantMessage, ChatMessage, TextContent, ToolMessage, UserMessage
from orchestrator.conversation import Conversation, ImagePart, Message, TextPart, ToolCall, ToolResult
from orchestrator.links import MARKDOWN_IMAGE, Links
from orchestrator.uploads import Uploads


async def fill(conversation: Conversation, messages: list[ChatMessage], uploads: Uploads, links: Links) -> None:
    """Append all messages. Raises InvalidImage, RemoteImageRefused, InvalidRequest (too many images)."""
    for message in messages:
        if isinstance(message, UserMessage):
            conversation.add_user(await _user_parts(message, conversation, uploads))
        elif isinstance(message, AssistantMessage):
            text = _with_handles(_text(message.content), conversation, links)
            if text or not message.tool_calls:
                conversation.items.append(Message(role="assistant", parts=(TextPart(text=text),)))
            for call in message.tool_calls or ():
                called = ToolCall(call_id=call.id, name=call.function.name, arguments=call.function.arguments)
                conversation.items.append(called)
        elif isinstance(message, ToolMessage):
            output = _text(message.content)
            conversation.items.append(ToolResult(call_id=message.tool_call_id, output=output))
        else:
            conversation.items.append(Message(role="system", parts=(TextPart(text=_text(message.content)),)))


async def _user_parts(message: UserMessage, conversation: Conversation, uploads: Uploads) -> list[TextPart | ImagePart]:
    if isinstance(message.content, str):
        return [TextPart(text=message.content)]
    parts: list[TextPart | ImagePart] = []
    for part in message.content:
        if isinstance(part, TextContent):
            parts.append(TextPart(text=part.text))
        else:
            artifact_id = await uploads.keep(part.image_url.url)
            parts.append(ImagePart(handle=conversation.add_image(artifact_id, seen=True)))
    return parts


def _with_handles(text: str, conversation: Conversation, links: Links) -> str:
    """An earlier answer with our own picture links as handles. Other links stay as they are: text, never fetched."""

    def handle(match: re.Match[str]) -> str:
        artifact_id = links.artifact_of(match["url"])
        return match[0] if artifact_id is None else f"[{conversation.add_image(artifact_id, seen=False)}]"

    return MARKDOWN_IMAGE.sub(handle, text)


def _text(content: str | list[TextContent] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)
