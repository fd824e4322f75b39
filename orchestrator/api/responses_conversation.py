"""A request's input as items of a conversation, and once more in the form in which it is listed later.

Names of earlier items are looked up; pictures become artifacts and handles.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.api.compactions import unseal
from orchestrator.api.earlier_answers import earlier_answer
from orchestrator.api.responses_input import (
    AssistantMessage,
    CompactionItem,
    FunctionCall,
    FunctionCallOutput,
    HostedCall,
    ImageGenerationCall,
    InputFile,
    InputImage,
    InputItem,
    InputText,
    ItemReference,
    OutputText,
    Reasoning,
    SystemMessage,
    UserMessage,
)
from orchestrator.api.responses_pictures import SOURCE, reference
from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, Item, TextPart, ToolCall, ToolResult, new_item_id
from orchestrator.wiring import Services
from shared.errors import InvalidRequest, NotFound

FindItem = Callable[[str], Awaitable[dict[str, Any]]]
"""An item that was given out or taken in before, by its id. Raises NotFound."""
Listed = dict[str, Any]


@dataclass
class InputReader:
    """Appends a request's input to a conversation. `listed` is what it was, with an id for each item."""

    conversation: Conversation
    services: Services
    owner: str
    find_item: FindItem
    listed: list[Listed] = field(default_factory=list)
    spans: list[tuple[Item, ...]] = field(default_factory=list)
    """What each of `listed` became in the conversation."""
    _open_calls: set[str] = field(default_factory=set)

    async def read(self, items: str | list[InputItem] | None, *, complete: bool = True) -> None:
        """All of it, in order; `complete`: every call must have its output.

        Raises:
            InvalidRequest: a picture or item is not there or unusable, or a call and its output do not fit.
        """
        self._open_calls = self.conversation.open_calls()
        if isinstance(items, str):
            items = [UserMessage(role="user", content=items)]
        for item in pictures_before_the_wish(items or []):
            before = len(self.conversation.items)
            await self._read(item)
            if len(self.listed) > len(self.spans):
                self.spans.append(self.conversation.items[before:])
        if complete and self._open_calls:
            raise _missing_outputs(self._open_calls)

    async def _read(self, item: InputItem) -> None:
        if isinstance(item, FunctionCallOutput):
            self._output(item)
        elif isinstance(item, FunctionCall):
            self._call(item)
        elif isinstance(item, ItemReference):
            await self._again(await self.find_item(item.id))
        elif isinstance(item, ImageGenerationCall):
            await self._picture(item)
        elif isinstance(item, CompactionItem):
            self._compaction(item)
        elif not isinstance(item, Reasoning | HostedCall):
            if self._open_calls:
                raise _missing_outputs(self._open_calls)
            await self._message(item)

    def _compaction(self, item: CompactionItem) -> None:
        if self.conversation.images or self.conversation.texts:
            raise InvalidRequest(
                "A compaction stands for all that came before it, so it must come first.", param="input"
            )
        for earlier in unseal(item.encrypted_content, self.services.links.secret, self.owner):
            self.conversation.append(earlier)
        self._open_calls |= self.conversation.open_calls()
        self.listed.append(item.model_dump() | {"id": item.id or new_item_id("cmp")})

    async def _message(self, item: UserMessage | SystemMessage | AssistantMessage) -> None:
        if isinstance(item, UserMessage):
            parts, listed = await self._user_parts(item)
            self.conversation.add_user(parts)
        elif isinstance(item, AssistantMessage):
            text = _said(item)
            self.conversation.add_assistant(earlier_answer(text, self.conversation, self.services.links))
            listed = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
        else:
            text = item.content if isinstance(item.content, str) else "".join(part.text for part in item.content)
            self.conversation.add_system(text)
            listed = [{"type": "input_text", "text": text}]
        message = {"id": item.id or new_item_id("msg"), "type": "message", "status": "completed", "role": item.role}
        if isinstance(item, AssistantMessage) and item.phase is not None:
            message["phase"] = item.phase
        self.listed.append(message | {"content": listed})

    async def _user_parts(self, message: UserMessage) -> tuple[list[TextPart | ImagePart], list[Listed]]:
        content = message.content
        if isinstance(content, str):
            content = [InputText(type="input_text", text=content)]
        if not any(not isinstance(part, InputText) or part.text.strip() for part in content):
            raise InvalidRequest("input: a message is empty. Write something, or attach an image.", param="input")
        parts: list[TextPart | ImagePart] = []
        listed: list[Listed] = []
        for part in content:
            if isinstance(part, InputText):
                parts.append(TextPart(text=part.text))
                listed.append({"type": "input_text", "text": part.text})
            else:
                artifacts = await self._artifacts(part)
                parts.extend(self.conversation.add_image(artifact) for artifact in artifacts)
                listed.extend(_listed_image(artifact) for artifact in artifacts)
        return parts, listed

    async def _artifacts(self, part: InputImage | InputFile) -> tuple[str, ...]:
        if part.file_id is not None:
            return await self.services.files.artifacts_of(part.file_id, self.owner)
        if isinstance(part, InputImage):
            return (await self.services.uploads.keep(part.image_url or ""),)
        return await self.services.files.artifacts_in(part.file_data or "")

    def _call(self, item: FunctionCall) -> None:
        item_id = item.id or new_item_id("fc")
        self._open_calls.add(item.call_id)
        self.conversation.append(ToolCall(id=item_id, call_id=item.call_id, name=item.name, arguments=item.arguments))
        self.listed.append(item.model_dump(exclude={"id"}) | {"id": item_id, "status": "completed"})

    def _output(self, item: FunctionCallOutput) -> None:
        if item.call_id not in self._open_calls:
            raise InvalidRequest(f"No tool call found for function call output with call_id {item.call_id}.")
        self._open_calls.remove(item.call_id)
        output = item.output if isinstance(item.output, str) else "".join(part.text for part in item.output)
        self.conversation.append(ToolResult(call_id=item.call_id, output=output))
        listed = {"id": item.id or new_item_id("fco"), "type": item.type, "status": "completed"}
        self.listed.append(listed | {"call_id": item.call_id, "output": output})

    async def _picture(self, item: ImageGenerationCall) -> None:
        """A picture of ours again, known by its id; or by its pixels, where it was never stored."""
        try:
            await self._again(await self.find_item(item.id))
        except NotFound:
            if item.result is None:
                raise
            artifact = await self.services.uploads.keep_picture(_decoded(item.result))
            await self._again({"id": item.id, "type": item.type, "status": "completed", "result": reference(artifact)})

    async def _again(self, item: Listed) -> None:
        """An item as it stands in the records."""
        if item["type"] == "image_generation_call":
            artifact = item.get(SOURCE) or item["result"]
            if artifact is None:
                raise InvalidRequest(f"The call {item['id']} made no picture, so it cannot be used.", param="input")
            self.conversation.add_assistant([self.conversation.add_image(artifact["artifact"])])
        elif item["type"] == "message":
            self._message_again(item)
        elif item["type"] == "compaction":
            self._compaction(CompactionItem.model_validate(item))
            return
        elif item["type"] == "function_call":
            self._call(FunctionCall.model_validate(item))
            return
        elif item["type"] == "function_call_output":
            self._output(FunctionCallOutput.model_validate(item))
            return
        self.listed.append(item)

    def _message_again(self, item: Listed) -> None:
        parts: list[TextPart | ImagePart] = []
        for part in item["content"]:
            if part["type"] == "input_image":
                parts.append(self.conversation.add_image(part["image_url"]["artifact"]))
            else:
                parts.append(TextPart(text=part["text"]))
        if item["role"] == "user":
            self.conversation.add_user(parts)
        elif item["role"] == "assistant":
            text = "".join(part.text for part in parts if isinstance(part, TextPart))
            self.conversation.add_assistant(earlier_answer(text, self.conversation, self.services.links))
        else:
            self.conversation.add_system("".join(part.text for part in parts if isinstance(part, TextPart)))


def pictures_before_the_wish(items: list[InputItem]) -> list[InputItem]:
    """The same items; pictures that are named behind the last message are what it speaks of, so they come first."""
    last = len(items)
    while last and isinstance(items[last - 1], ImageGenerationCall | ItemReference):
        last -= 1
    if last == 0 or last == len(items) or not isinstance(items[last - 1], UserMessage):
        return items
    return [*items[: last - 1], *items[last:], items[last - 1]]


def _said(item: AssistantMessage) -> str:
    if isinstance(item.content, str):
        return item.content
    return "".join(part.text if isinstance(part, OutputText | InputText) else part.refusal for part in item.content)


def _listed_image(artifact: str) -> Listed:
    return {"type": "input_image", "detail": "auto", "file_id": None, "image_url": reference(artifact)}


def _decoded(result: str) -> bytes:
    try:
        return base64.b64decode(result, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("The result of an image_generation_call is not valid base64.", param="input") from None


def _missing_outputs(calls: set[str]) -> InvalidRequest:
    return InvalidRequest(f"No tool output found for function call {min(calls)}.", param="input")
