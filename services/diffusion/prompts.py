"""From words to what a denoiser is conditioned on. Knows no denoiser; each family says how its texts are encoded."""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What steers some rows of a batch: tensors by the names that the family's `predict` knows them by."""

    inputs: Mapping[str, Tensor]
    """Each has one entry per row."""

    @property
    def rows(self) -> int:
        return next(iter(self.inputs.values())).shape[0]

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.inputs.values())

    def zeroed(self) -> "Conditioning":
        return Conditioning({name: torch.zeros_like(tensor) for name, tensor in self.inputs.items()})

    @staticmethod
    def cat(parts: Sequence["Conditioning"]) -> "Conditioning":
        """The rows of all parts, which are of one model, in order."""
        return Conditioning({name: torch.cat([part.inputs[name] for part in parts]) for name in parts[0].inputs})


@dataclass(frozen=True)
class Prompt:
    """What steers one picture."""

    positive: Conditioning
    """One row."""
    negative: Conditioning | None
    """One row; None: there is no guidance by a second row."""
    tokens: int
    """Tokens of all rows, padding not counted."""
    tokens_dropped: int
    """Tokens at the prompt's end that did not fit; the painter has not seen them."""

    @property
    def guided(self) -> bool:
        return self.negative is not None

    @property
    def rows(self) -> int:
        """In a batch."""
        return 2 if self.guided else 1


class Towers(ABC):
    """The text networks of one model, with their tokenizers."""

    negates: bool = True
    """Whether a negative prompt can be a row of its own; not so where guidance was distilled into the denoiser."""
    zeroes_empty: bool = False
    """Whether an empty negative prompt is all zeros, as SDXL was trained, and not the encoded empty text."""

    def __init__(self, tokenizer: Any, length: int) -> None:
        """`tokenizer`: of the network that reads furthest, which is to at most `length` tokens."""
        self.tokenizer = tokenizer
        self.length = length

    @abstractmethod
    def row(self, text: str) -> Conditioning:
        """One row, of all that depends on the text alone."""

    def completed(self, row: Conditioning, guidance_scale: float, shape: tuple[int, int]) -> Conditioning:
        """The row with what depends on the request; `shape`: width and height that are painted, in pixels."""
        del guidance_scale, shape
        return row

    def count(self, text: str) -> int:
        """Tokens of a whole text."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])


@dataclass(frozen=True)
class Encoded:
    """A text's row, and its length in tokens before it was cut."""

    row: Conditioning
    tokens: int


class PromptEncoder:
    """Texts to conditionings, the latest of them remembered. May be called from several threads."""

    def __init__(self, towers: Towers, cache_bytes: int) -> None:
        """`cache_bytes`: how much of encoded texts is kept; what was not used for longest goes first."""
        self.towers = towers
        self.cache_bytes = cache_bytes
        self.hits = 0
        self.misses = 0
        self._kept: OrderedDict[str, Encoded] = OrderedDict()
        self._kept_bytes = 0
        self._keeping = threading.Lock()
        self._encoding = threading.Lock()

    @torch.inference_mode()
    def encode(
        self, prompt: str, negative_prompt: str | None, *, guidance_scale: float, shape: tuple[int, int]
    ) -> Prompt:
        """What steers one picture. `negative_prompt` None: no second row. `shape`: width and height in pixels."""
        positive = self._text(prompt)
        taken_in = min(positive.tokens, self.towers.length)
        negative = None
        if negative_prompt is not None and self.towers.negates:
            other = self._text(negative_prompt)
            row = other.row.zeroed() if self.towers.zeroes_empty and not negative_prompt else other.row
            negative = self.towers.completed(row, guidance_scale, shape)
            taken_in += min(other.tokens, self.towers.length)
        return Prompt(
            positive=self.towers.completed(positive.row, guidance_scale, shape),
            negative=negative,
            tokens=taken_in,
            tokens_dropped=max(0, positive.tokens - self.towers.length),
        )

    def _text(self, text: str) -> Encoded:
        if (known := self._recalled(text)) is not None:
            return known
        with self._encoding:  # whoever waited here may find that another thread has encoded the same text
            return self._recalled(text) or self._encoded(text)

    def _recalled(self, text: str) -> Encoded | None:
        with self._keeping:
            known = self._kept.get(text)
            if known is not None:
                self._kept.move_to_end(text)
                self.hits += 1
            return known

    def _encoded(self, text: str) -> Encoded:
        encoded = Encoded(self.towers.row(text), self.towers.count(text))
        with self._keeping:
            self.misses += 1
            self._kept[text] = encoded
            self._kept_bytes += encoded.row.nbytes
            while self._kept_bytes > self.cache_bytes:
                self._kept_bytes -= self._kept.popitem(last=False)[1].row.nbytes
        return encoded
