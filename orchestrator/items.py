"""The items of a conversation: what was said, called and found out. Self-contained, so that they can be stored.

Pictures and texts are known by handles (`image_1`, `text_1`); an item holds the artifact or the exact text behind
every handle that it brings in. Knows no wire format.
"""

import secrets
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from shared.jobs import ArtifactId, Frozen
from shared.text_jobs import TextRead


class TextPart(Frozen):
    type: Literal["text"] = "text"
    text: str


class ImagePart(Frozen):
    """A picture: shown to the VLM in a user's message, named by its handle in an assistant's."""

    type: Literal["image"] = "image"
    handle: str
    artifact: ArtifactId
    shown: bool = True
    """In a user's message: False where it is only named, because the conversation was compacted since."""


class Message(Frozen):
    """Something said."""

    type: Literal["message"] = "message"
    role: Literal["system", "user", "assistant"]
    parts: tuple[Annotated[TextPart | ImagePart, Field(discriminator="type")], ...]

    @property
    def text(self) -> str:
        """Its text, with handles in place of pictures."""
        return "".join(part.text if isinstance(part, TextPart) else f"[{part.handle}]" for part in self.parts)


class ToolCall(Frozen):
    """The VLM's wish, as it wrote it: `arguments` is JSON text, not yet validated."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    """The item's own id: `fc_…` for a client's function, `ig_…` for a picture to be made."""
    call_id: str
    """What its result names."""
    name: str
    arguments: str


class PictureMade(Frozen):
    """A picture that a tool made."""

    handle: str
    artifact: ArtifactId
    unknown_words: tuple[str, ...] = ()
    """Words of its prompt that the painter does not know."""
    seen: bool = False
    """Whether the VLM is shown it together with the result; else with the next message of the user's."""


class TextFound(Frozen):
    """Exact text that a tool read."""

    handle: str
    read: TextRead
    image: str = ""
    """Handle of the picture; empty in what was stored before this was known."""


class ToolResult(Frozen):
    """What came of a call, as JSON text for the VLM, and what it brought in."""

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    output: str
    picture: PictureMade | None = None
    text: TextFound | None = None


class Compaction(Frozen):
    """What an earlier part of the conversation, now shortened, had brought in: its handles go on to stand for it."""

    type: Literal["compaction"] = "compaction"
    pictures: tuple[PictureMade, ...]
    texts: tuple[TextFound, ...]


class Removed(Frozen):
    """Where something was deleted: the handles that it had brought in are not given out again."""

    type: Literal["removed"] = "removed"
    handles: tuple[str, ...]


Item = Annotated[Message | ToolCall | ToolResult | Compaction | Removed, Field(discriminator="type")]
items_adapter: TypeAdapter[tuple[Item, ...]] = TypeAdapter(tuple[Item, ...])


def new_item_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(24)}"
