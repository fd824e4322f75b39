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
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    response_format: dict[str, Any] | None = None
    """What the answer's text must be, in OpenAI's form for chat; None: any text. Calls stay possible beside it."""


class Offer(Frozen):
    """What the VLM may call in an answer."""

    tools: tuple[dict[str, Any], ...] = ()
    """In OpenAI's form."""
    choice: str = "auto"
    """auto, required, or the name of the tool that must be called."""
    parallel: bool = True
    """Whether it may call several at once."""


class VisionLanguageModel(Protocol):
    @property
    def model(self) -> str:
        """The name of the model that answers; empty as long as nobody asked for it."""
        ...

    def answer(self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> AsyncIterator[VlmEvent]:
        """Stream one answer; VlmEnd comes last.

        Raises:
            VlmUnavailable: the server cannot be reached, fails, or stops in mid-answer.
            ContextTooLong: the messages do not fit the model.
            VlmRefused: the server finds fault with the request, mostly with a schema; `param` names it where the
                server does.
        """
        ...

    async def check(self) -> str:
        """The name of the model that answers. Raises VlmUnavailable."""
        ...
