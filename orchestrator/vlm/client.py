"""What the agent loop needs of a vision-language model: a stream of text, tool calls and usage for some messages."""

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

from shared.events import Usage
from shared.jobs import Frozen


class VlmText(Frozen):
    """A piece of the answer's text."""

    text: str


class VlmToolCall(Frozen):
    """A whole call. `arguments` is JSON text as the server sent it."""

    call_id: str
    name: str
    arguments: str


class VlmEnd(Frozen):
    """The answer is complete."""

    finish_reason: Literal["stop", "length"] = "stop"
    usage: Usage = Usage()


VlmEvent = VlmText | VlmToolCall | VlmEnd


class Sampling(Frozen):
    """How the VLM shall sample; None leaves it to the server."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


class VisionLanguageModel(Protocol):
    def answer(
        self, messages: list[dict[str, Any]], tools: list[dict[str, Any]], sampling: Sampling
    ) -> AsyncIterator[VlmEvent]:
        """Stream one answer; VlmEnd comes last.

        Raises:
            VlmUnavailable: the server cannot be reached, fails, or stops in mid-answer.
            ContextTooLong: the messages do not fit the model.
        """
        ...

    async def check(self) -> str:
        """The name of the model that answers. Raises VlmUnavailable."""
        ...
