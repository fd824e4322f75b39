"""Picks the next token. Knows numbers only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class Sampler:
    """Temperature and nucleus sampling (Holtzman et al., 2020, arXiv:1904.09751) from one seeded stream.

    Attributes:
        temperature: 0 picks the likeliest token.
        top_p: only the likeliest tokens that together have this probability may be picked.
        seed: the same seed and the same logits give the same tokens; None: a new one each time.
    """

    temperature: float
    top_p: float = 1.0
    seed: int | None = None
    _random: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(None if self.seed is None else self.seed % 2**64)

    def pick(self, logits: NDArray[np.float32], allowed: NDArray[np.bool_]) -> int:
        """A token id.

        Args:
            logits: shape (vocabulary,), or longer where the model's vocabulary is padded.
            allowed: shape (vocabulary,), at least one True.
        """
        ids = np.flatnonzero(allowed[: len(logits)])
        scores = logits[ids].astype(np.float64)
        if self.temperature == 0:
            return int(ids[int(np.argmax(scores))])
        scores = np.exp((scores - scores.max()) / self.temperature)
        probabilities = scores / scores.sum()
        if self.top_p < 1:
            order = np.argsort(-probabilities, kind="stable")
            before = np.cumsum(probabilities[order]) - probabilities[order]
            probabilities[order[before >= self.top_p]] = 0
            probabilities /= probabilities.sum()
        return int(self._random.choice(ids, p=probabilities))
