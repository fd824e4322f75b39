"""One answer being decoded, token by token. Knows torch and transformers' generate(); knows no requests, no HTTP."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor, StoppingCriteria

from services.vlm.arguments import ArgumentCopier
from services.vlm.grammar import Grammar
from services.vlm.output import OutputParser, Piece
from services.vlm.sampling import Sampler

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass
class Decoding:
    """The state of one answer. `choose` picks each token and hands on what it completes before the next is computed.

    Attributes:
        tokens: how many tokens have been chosen, the end-of-sequence token included.
    """

    grammar: Grammar
    parser: OutputParser
    copier: ArgumentCopier | None
    sampler: Sampler
    eos_ids: tuple[int, ...]
    texts: tuple[bytes, ...]
    emit: Callable[[Piece], None]
    gone: threading.Event
    tokens: int = field(default=0, init=False)
    ended: bool = field(default=False, init=False)

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The next token, given the model's logits for it, shape (vocabulary,)."""
        allowed = self.grammar.allowed()
        if self.copier is not None and self.parser.call is not None:
            allowed = self.copier.restrict(allowed, self.parser.call)
        token_id = self.sampler.pick(logits, allowed)
        self.tokens += 1
        if token_id in self.eos_ids:
            self.ended = True
            return token_id
        self.grammar.advance(token_id)
        self.ended = self.grammar.complete
        for piece in self.parser.feed(self.texts[token_id]):
            self.emit(piece)
        return token_id

    @property
    def over(self) -> bool:
        return self.ended or self.parser.stopped or self.gone.is_set()

    def finish(self) -> FinishReason:
        """Hand on what was held back, and say why the answer ended."""
        for piece in self.parser.finish():
            self.emit(piece)
        if self.parser.stopped or not self.over:
            return "stop" if self.parser.stopped else "length"
        return "tool_calls" if self.parser.calls else "stop"


class Choose(LogitsProcessor):
    """Makes generate()'s greedy pick be the token that `decoding` chose: our sampling, its cache handling."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        token_id = self._decoding.choose(scores[0].float().cpu().numpy())
        chosen = torch.full_like(scores, -torch.inf)
        chosen[0, token_id] = 0
        return chosen


class Stop(StoppingCriteria):
    """Ends generate() when the answer is over or nobody wants it any more."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.BoolTensor:
        return cast(torch.BoolTensor, torch.full((1,), self._decoding.over, device=input_ids.device))
