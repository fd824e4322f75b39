"""Chat messages as the items of a conversation: uploads get handles, and so do our own pictures in earlier answers."""

from orchestrator.api.chat_messages import AssistantMessage, ChatMessage, TextContent, ToolMessage, UserMessage
from orchestrator.api.earlier_answers import earlier_answer
from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, TextPart, ToolCall, ToolResult, new_item_id
from orchestrator.links import Links
from orchestrator.uploads import Uploads


async def fill(conversation: Conversation, messages: list[ChatMessage], uploads: Uploads, links: Links) -> None:
    """Append all messages. Raises InvalidImage, RemoteImageRefused, InvalidRequest (too many images)."""
    for message in messages:
        if isinstance(message, UserMessage):
            conversation.add_user(await _user_parts(message, conversation, uploads))
        elif isinstance(message, AssistantMessage):
            text = _text(message.content)
            if text or not message.tool_calls:
                conversation.add_assistant(earlier_answer(text, conversation, links))
            for call in message.tool_calls or ():
                function = call.function
                called = ToolCall(
                    id=new_item_id("fc"), call_id=call.id, name=function.name, arguments=function.arguments
                )
                conversation.append(called)
        elif isinstance(message, ToolMessage):
            conversation.append(ToolResult(call_id=message.tool_call_id, output=_text(message.content)))
        else:
            conversation.add_system(_text(message.content))


async def _user_parts(message: UserMessage, conversation: Conversation, uploads: Uploads) -> list[TextPart | ImagePart]:
    if isinstance(message.content, str):
        return [TextPart(text=message.content)]
    parts: list[TextPart | ImagePart] = []
    for part in message.content:
        if isinstance(part, TextContent):
            parts.append(TextPart(text=part.text))
        else:
            artifact_id = await uploads.keep(part.image_url.url)
            parts.append(conversation.add_image(artifact_id))
    return parts


def _text(content: str | list[TextContent] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)
