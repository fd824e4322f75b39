"""Functions that a client brings along: offered to the VLM beside our own tools, handed back when it calls them.

Knows their schemas and which of them must be called. Does not run anything: that is the client's part.
"""

from dataclasses import dataclass
from typing import Any

from orchestrator.conversation import Conversation
from orchestrator.tools import registry
from orchestrator.vlm.client import Offer


@dataclass(frozen=True)
class Functions:
    """A request's `tools`, `tool_choice` and `parallel_tool_calls`."""

    schemas: tuple[dict[str, Any], ...] = ()
    """In OpenAI's form. One with the name of a built-in tool stands in its place."""
    choice: str = "auto"
    """auto, none, required, or the name of one of `schemas`."""
    parallel: bool = True
    first: frozenset[str] = frozenset()
    """Names of our own tools of which one must be called first; empty: none must."""
    without: frozenset[str] = frozenset()
    """Names of our own tools that may not be called."""

    @property
    def names(self) -> frozenset[str]:
        return frozenset(schema["function"]["name"] for schema in self.schemas)

    def offer(self, conversation: Conversation, *, first: bool) -> Offer:
        """What the VLM may call. A choice holds for the first answer of a turn; it is met then."""
        if self.choice == "none":
            return Offer()
        left_out = self.names | self.without
        own = [schema for schema in registry.schemas(conversation) if schema["function"]["name"] not in left_out]
        if first and self.first:
            own = [schema for schema in own if schema["function"]["name"] in self.first]
            names = [schema["function"]["name"] for schema in own]
            choice = names[0] if len(names) == 1 else "required"
            return Offer(tools=tuple(own), choice=choice if own else "auto", parallel=self.parallel)
        choice = self.choice if first else "auto"
        return Offer(tools=(*own, *self.schemas), choice=choice, parallel=self.parallel)
