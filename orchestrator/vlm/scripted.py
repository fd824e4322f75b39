"""A VLM that follows a script: for tests of everything around a model, and for demonstrations without one."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from orchestrator.vlm.client import Offer, Sampling, VlmEnd, VlmEvent
from shared.errors import VlmUnavailable


class ScriptedVlm:
    """Gives one list of events per question, in order; keeps what it was asked."""

    model = "scripted"

    def __init__(self, answers: Sequence[Sequence[VlmEvent | Exception]]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[list[dict[str, Any]], Offer]] = []
        self.sampled: list[Sampling] = []

    async def answer(self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> AsyncIterator[VlmEvent]:
        self.asked.append((messages, offer))
        self.sampled.append(sampling)
        if not self._answers:
            raise VlmUnavailable("The script has no more answers.")
        ended = False
        for event in self._answers.pop(0):
            if isinstance(event, Exception):
                raise event
            ended = isinstance(event, VlmEnd)
            yield event
        if not ended:
            yield VlmEnd()

    async def check(self) -> str:
        return self.model
