"""What must be read before a turn's first answer, what the VLM is told of text that it cannot resolve, and what of its
answer must be checked.

A message is about the pictures that it brings; else about those that it names by handle; else, where it asks something
or speaks of text or pictures, about those that the newest message with pictures brought. One that wants a picture
painted or changed, and does not speak of text, is about none; nothing is read first for one without words.

A question that sounds as if it were about the picture only ("what colour is the shirt?") is no exception: whatever it
asks for may stand in the small print (an order, a label), and a word that is neither a quote nor a number passes
unchecked, so a guess would. What there is to read bounds what reading first costs.
"""

import json
import re
from typing import Any

from orchestrator.checking import Checker
from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, Message, TextPart, ToolResult
from orchestrator.json_checking import JsonChecker, binds_strings
from orchestrator.planner import Planner
from orchestrator.quoting import ReadTexts
from orchestrator.reading_plan import ReadingPlan
from orchestrator.tools.functions import Functions
from orchestrator.vlm.client import VlmToolCall

READ = "read_text"
NAMED = re.compile(r"\bimage_\d+\b")
TEXT = re.compile(
    r"\b(?:read|says?|said|writ\w+|texts?|words?|letters?|numbers?|digits?|codes?|lines?|pages?|signs?|labels?|"
    r"receipts?|documents?|screenshots?|quotes?|transcri\w+)\b",
    re.IGNORECASE,
)
ASKS = re.compile(rf"[?？؟]|\b(?:pictures?|images?|photos?)\b|{TEXT.pattern}", re.IGNORECASE)
PAINTS = re.compile(
    r"\b(?:draw|paint|sketch|illustrate|render|edit|recolou?r|repaint|redraw|generate|imagine|"
    r"(?:make|turn) (?:it|this|that|them|him|her|the (?:picture|image|photo))|"
    r"(?:picture|image|photo|painting|drawing|illustration) (?:of|with|showing))\b",
    re.IGNORECASE,
)
TOLD = (
    "Text in these pictures was measured, and you cannot resolve it: what you took it for would be a guess. Call "
    "read_text for it, and state nothing of it that read_text did not return."
)


def asked_about(conversation: Conversation) -> list[str]:
    """Handles of the pictures that the newest message of the user's is about."""
    messages = [item for item in conversation.items if isinstance(item, Message) and item.role == "user"]
    if not messages:
        return []
    brought = set(conversation.brought)
    newest, words = messages[-1], _words(messages[-1])
    if PAINTS.search(words) and not TEXT.search(words):
        return []
    if own := _pictures(newest, brought):
        return own
    if named := [handle for handle in dict.fromkeys(NAMED.findall(words)) if handle in conversation.images]:
        return named
    if not ASKS.search(words):
        return []
    return next((shown for message in reversed(messages) if (shown := _pictures(message, brought))), [])


def _words(message: Message) -> str:
    return " ".join(part.text for part in message.parts if isinstance(part, TextPart)).strip()


def _pictures(message: Message, among: set[str]) -> list[str]:
    return [part.handle for part in message.parts if isinstance(part, ImagePart) and part.handle in among]


class TurnReading:
    """One turn's."""

    def __init__(self, planner: Planner, conversation: Conversation, owner: str) -> None:
        self._planner, self._conversation, self._owner = planner, conversation, owner
        self._plan, self._about, self._can_read = ReadingPlan(), [], False

    async def prepare(self) -> None:
        """Look at the pictures. Before anything else is asked of it."""
        self._about = asked_about(self._conversation)
        self._plan = await self._planner.plan(self._conversation, self._owner, also=self._about)
        self._can_read = bool(self._unread) and await self._planner.can_read()

    def calls(self, functions: Functions, bound: int) -> list[VlmToolCall]:
        """Those that come before the VLM's first answer; one of the turn's `bound` is left to it."""
        if not self._can_read or not self._has_words or functions.choice == "none" or not _may_read(functions):
            return []
        due = [handle for handle in self._about if handle in self._unread][: max(bound - 1, 1)]
        return [VlmToolCall(call_id="", name=READ, arguments=json.dumps({"image": handle})) for handle in due]

    @property
    def told(self) -> str:
        """For the VLM, as data: numbers of ours, nothing that stands in a picture."""
        lines = []
        for handle in self._unread:
            plan = self._plan.pictures[handle]
            height = f"letters from {plan.seen[0]:g} px high as you see them"
            lines.append(f"- {handle}: {plan.unresolved} of {len(plan.seen)} lines, {height}")
        return "\n".join([TOLD, *lines]) if lines else ""

    def checker(self, answer_format: dict[str, Any] | None) -> Checker | JsonChecker | None:
        """For the next answer; None where there is nothing that it could be held against, or its format binds it."""
        texts = ReadTexts(self._conversation)
        strict = any(handle in self._plan.doubtful for handle in self._about)
        if answer_format is not None:
            return JsonChecker(texts, strict=strict) if texts and not binds_strings(answer_format) else None
        if not strict and not texts:
            return None
        others = [item.output for item in self._conversation.items if isinstance(item, ToolResult) and not item.text]
        return Checker(texts, strict=strict, known="\n".join(others))

    @property
    def _has_words(self) -> bool:
        asked = (item for item in reversed(self._conversation.items) if isinstance(item, Message))
        return bool(_words(next(item for item in asked if item.role == "user")))

    @property
    def _unread(self) -> list[str]:
        return [handle for handle in self._plan.unresolved if handle not in self._conversation.read]


def _may_read(functions: Functions) -> bool:
    """Whether the request leaves our own reading to be called, and does not want another of our tools first."""
    if READ in functions.names | functions.without:
        return False
    return not functions.first or READ in functions.first
