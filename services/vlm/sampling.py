"""Picks the next token. Knows numbers only."""

from collections import Counter
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
        frequency_penalty: taken off a token's logit for each time that this answer has it already.
        presence_penalty: taken off once, however often.
    """

    temperature: float
    top_p: float = 1.0
    seed: int | None = None
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    _counts: Counter[int] = field(init=False, repr=False, default_factory=Counter)
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
        token_id = self._pick(ids, self._penalised(logits)[ids])
        self._counts[token_id] += 1
        return token_id

    def _penalised(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        scores = logits.astype(np.float64)
        for token_id, count in self._counts.items():
            scores[token_id] -= self.frequency_penalty * count + self.presence_penalty
        return scores

    def _pick(self, ids: NDArray[np.intp], scores: NDArray[np.float64]) -> int:
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
