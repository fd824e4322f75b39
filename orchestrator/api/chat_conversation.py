"""Chat messages as the items of a conversation: uploads get handles, and so do our own pictures in earlier answers."""

from orchestrator.api.chat_messages import (
    AssistantMessage,
    ChatMessage,
    FileContent,
    ImageContent,
    TextContent,
    ToolMessage,
    UserMessage,
)
from orchestrator.api.earlier_answers import earlier_answer
from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, TextPart, ToolCall, ToolResult, new_item_id
from orchestrator.wiring import Services


async def fill(conversation: Conversation, messages: list[ChatMessage], services: Services, owner: str) -> None:
    """Append all messages.

    Raises:
        InvalidRequest: a picture or file cannot be used (InvalidImage, InvalidFile, RemoteImageRefused), is not there
            (NotFound), or there are too many.
    """
    for message in messages:
        if isinstance(message, UserMessage):
            conversation.add_user(await _user_parts(message, conversation, services, owner))
        elif isinstance(message, AssistantMessage):
            text = _text(message.content)
            if text or not message.tool_calls:
                conversation.add_assistant(earlier_answer(text, conversation, services.links))
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


async def _user_parts(
    message: UserMessage, conversation: Conversation, services: Services, owner: str
) -> list[TextPart | ImagePart]:
    if isinstance(message.content, str):
        return [TextPart(text=message.content)]
    parts: list[TextPart | ImagePart] = []
    for part in message.content:
        if isinstance(part, TextContent):
            parts.append(TextPart(text=part.text))
        else:
            parts.extend(conversation.add_image(artifact) for artifact in await _artifacts(part, services, owner))
    return parts


async def _artifacts(part: ImageContent | FileContent, services: Services, owner: str) -> tuple[str, ...]:
    """The pictures that a part shows; a PDF shows one for each page."""
    if isinstance(part, ImageContent):
        return (await services.uploads.keep(part.image_url.url),)
    if part.file.file_id is not None:
        return await services.files.artifacts_of(part.file.file_id, owner)
    return await services.files.artifacts_in(part.file.file_data or "")


def _text(content: str | list[TextContent] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(part.text for part in content)
