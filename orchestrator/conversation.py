"""One conversation: its items, append-only, and the pictures and texts that their handles stand for.

Everything in it follows from the items, so that a stored conversation goes on where it was. The bytes of pictures
stay in the artifact store, and exact text never has to be copied by a model.
"""

import re
from collections.abc import Iterable
from typing import Self

from orchestrator.items import (
    Compaction,
    ImagePart,
    Item,
    Message,
    PictureMade,
    Removed,
    TextFound,
    TextPart,
    ToolCall,
    ToolResult,
)
from shared.artifacts import ArtifactStore
from shared.errors import InvalidRequest
from shared.text_jobs import TextRead

HANDLE = re.compile(
    r"\{\{\s*(?P<name>(?:text|image)_\d+)(?::(?:(?P<first>\d+)(?:-(?P<last>\d+))?|(?P<unknown>unknown)))?\s*\}\}"
)


class Conversation:
    """One conversation of one owner. `items` is only ever appended to, by `append`."""

    def __init__(self, store: ArtifactStore, max_images: int) -> None:
        self.store = store
        self._max_images = max_images
        self._items: list[Item] = []
        self.images: dict[str, str] = {}
        """Handle to artifact id, in order of appearance."""
        self.texts: dict[str, TextRead] = {}
        """Handle to exact text."""
        self.read_in: dict[str, str] = {}
        """Handle of such a text to that of its picture; empty where it is not known."""
        self.read: set[str] = set()
        """Handles of the pictures that were read, also of those in which nothing was found."""
        self._unknown_words: dict[str, tuple[str, ...]] = {}
        self._seen: set[str] = set()
        """Handles of the pictures that the VLM has looked at."""
        self._made: set[str] = set()
        """Handles of the pictures that did not come from a person."""
        self._removed: set[str] = set()
        """Handles of what was deleted."""

    @classmethod
    def from_items(cls, items: Iterable[Item], store: ArtifactStore, max_images: int) -> Self:
        """A conversation as it was after these items."""
        conversation = cls(store, max_images)
        for item in items:
            conversation.append(item)
        return conversation

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    @property
    def unseen(self) -> list[str]:
        """Handles of the pictures that the VLM has been told of but has not looked at."""
        return [handle for handle in self.images if handle not in self._seen]

    @property
    def brought(self) -> list[str]:
        """Handles of the pictures that people brought along."""
        return [handle for handle in self.images if handle not in self._made]

    @property
    def brought_pictures(self) -> list[str]:
        """Their artifact ids."""
        return [self.images[handle] for handle in self.brought]

    def append(self, item: Item) -> None:
        """Take an item in, with every handle that it brings."""
        if isinstance(item, Message):
            self._take_pictures(item)
        elif isinstance(item, ToolResult):
            if item.picture is not None:
                self._take_made(item.picture)
                self._made.add(item.picture.handle)
            if item.text is not None:
                self._take_text(item.text)
        elif isinstance(item, Compaction):
            for picture in item.pictures:
                self._take_made(picture)
            for found in item.texts:
                self._take_text(found)
        elif isinstance(item, Removed):
            self._removed.update(item.handles)
        self._items.append(item)

    def add_user(self, parts: Iterable[TextPart | ImagePart]) -> None:
        """A user's message. Pictures made since the last one come first in it, so that the VLM sees them too."""
        parts = tuple(parts)
        own = {part.handle for part in parts if isinstance(part, ImagePart)}
        earlier = (ImagePart(handle=name, artifact=self.images[name]) for name in self.unseen if name not in own)
        self.append(Message(role="user", parts=(*earlier, *parts)))

    def add_assistant(self, parts: Iterable[TextPart | ImagePart]) -> None:
        """Something that the assistant said earlier, or says now."""
        self.append(Message(role="assistant", parts=tuple(parts)))

    def add_system(self, text: str) -> None:
        self.append(Message(role="system", parts=(TextPart(text=text),)))

    def add_image(self, artifact_id: str) -> ImagePart:
        """A handle for a picture; the same picture again keeps its handle. Raises InvalidRequest over the bound."""
        for handle, known in self.images.items():
            if known == artifact_id:
                return ImagePart(handle=handle, artifact=artifact_id)
        if len(self.images) >= self._max_images:
            raise InvalidRequest(f"A conversation may hold at most {self._max_images} images. Start a new one.")
        handle = self._new_handle("image")
        self.images[handle] = artifact_id
        return ImagePart(handle=handle, artifact=artifact_id)

    def add_picture(self, artifact_id: str, *, unknown_words: tuple[str, ...] = (), seen: bool = False) -> PictureMade:
        """A handle for a picture that a tool made. Raises InvalidRequest over the bound."""
        handle = self.add_image(artifact_id).handle
        return PictureMade(handle=handle, artifact=artifact_id, unknown_words=unknown_words, seen=seen)

    def add_text(self, read: TextRead, image: str) -> TextFound:
        """A handle for exact text that a tool read in a picture, also where it found none."""
        found = TextFound(handle=self._new_handle("text"), read=read, image=image)
        self._take_text(found)
        return found

    def resolve(self, match: re.Match[str]) -> str | None:
        """The exact text that a handle in an answer stands for; None for an image or an unknown handle."""
        if match["unknown"]:
            return " and ".join(f"“{word}”" for word in self._unknown_words.get(match["name"], ())) or None
        text = self.texts.get(match["name"])
        if text is None:
            return None
        return "\n".join(text.lines[number - 1].text for number in self.lines_of(match))

    def lines_of(self, match: re.Match[str]) -> range:
        """The numbers of the lines, from 1, that a handle of a text stands for; none for another handle."""
        text = self.texts.get(match["name"])
        if text is None:
            return range(0)
        first = int(match["first"] or 1)
        last = int(match["last"] or match["first"] or len(text.lines))
        return range(max(first, 1), min(last, len(text.lines)) + 1)

    def open_calls(self) -> set[str]:
        """The ids of the calls that have no result."""
        called = {item.call_id for item in self._items if isinstance(item, ToolCall)}
        return called - {item.call_id for item in self._items if isinstance(item, ToolResult)}

    def settled(self) -> tuple[Item, ...]:
        """The items without the calls that never returned, from which a next turn can go on."""
        unanswered = self.open_calls()
        return tuple(item for item in self._items if not (isinstance(item, ToolCall) and item.call_id in unanswered))

    def compacted(self, chars: int) -> tuple[Item, ...]:
        """Items that go on from here with less to read: the newest messages, `chars` characters of them, and handles.

        Pictures that were seen are not shown again, only named; results of tools are left out, calls that wait for
        their result are not.
        """
        pictures = tuple(
            PictureMade(
                handle=handle,
                artifact=artifact,
                unknown_words=self._unknown_words.get(handle, ()),
                seen=handle in self._seen,
            )
            for handle, artifact in self.images.items()
        )
        texts = tuple(
            TextFound(handle=handle, read=read, image=self.read_in[handle]) for handle, read in self.texts.items()
        )
        kept: list[Item] = []
        unanswered = self.open_calls()
        for item in reversed(self._items):
            if isinstance(item, Removed) or (isinstance(item, ToolCall) and item.call_id in unanswered):
                kept.append(item)
            elif isinstance(item, Message) and (chars := chars - len(item.text)) >= 0:
                kept.append(_named_only(item))
        return Compaction(pictures=pictures, texts=texts), *reversed(kept)

    def _new_handle(self, kind: str) -> str:
        given = {handle for handle in (*self.images, *self.texts, *self._removed) if handle.startswith(kind)}
        return f"{kind}_{len(given) + 1}"

    def _take_made(self, picture: PictureMade) -> None:
        self.images[picture.handle] = picture.artifact
        self._unknown_words[picture.handle] = picture.unknown_words
        if picture.seen:
            self._seen.add(picture.handle)

    def _take_text(self, found: TextFound) -> None:
        self.read.add(found.image)
        if found.read.lines:
            self.texts[found.handle] = found.read
            self.read_in[found.handle] = found.image

    def _take_pictures(self, message: Message) -> None:
        handles = {part.handle: part.artifact for part in message.parts if isinstance(part, ImagePart)}
        self.images.update(handles)
        if message.role == "user":
            self._seen.update(handles)
        else:
            self._made.update(handles.keys() - self._seen)


def _named_only(message: Message) -> Message:
    """The same message, its pictures named but not shown again."""
    parts = (part if isinstance(part, TextPart) else part.model_copy(update={"shown": False}) for part in message.parts)
    return message.model_copy(update={"parts": tuple(parts)})
