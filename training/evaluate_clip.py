"""Measures CLIP: which of 64 captions belongs to a picture, on fresh scenes and on combinations it has never seen."""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel

from training.clip_data import pixels_of
from training.intervals import proportion
from training.world import caption, sample_scene, vary

CHOICES = 64
SEED = 987_654_321
"""Training seeds are small; streams of `random.Random` with other seeds do not meet this one."""


class ClipJudge:
    """Scores pictures against captions with an exported CLIP folder."""

    def __init__(self, folder: Path) -> None:
        self.model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    @torch.no_grad()
    def similarity(self, pixels: Tensor, captions: list[str]) -> Tensor:
        """Logits (pictures, captions); `pixels` (B, 3, 128, 128) in -1..1."""
        tokens = self.tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
        return self.model(pixel_values=pixels, **tokens).logits_per_image


def _choices(judge: ClipJudge, rounds: int, *, held_out: bool) -> dict[str, Any]:
    """Right choices among CHOICES random captions, and between a caption and that of a near miss."""
    right = near_right = 0
    for index in range(rounds):
        rng = Random(SEED + index)
        scenes = [sample_scene(rng, held_out=held_out) for _ in range(CHOICES)]
        captions = [caption(scene, rng) for scene in scenes]
        misses = [caption(vary(scene, rng), rng) for scene in scenes]
        scores = judge.similarity(pixels_of(scenes), captions + misses)
        own = scores.diagonal()
        right += int((scores[:, :CHOICES].argmax(1) == torch.arange(CHOICES)).sum())
        near_right += int((own > scores[:, CHOICES:].diagonal()).sum())
    total = rounds * CHOICES
    return {
        "own caption among 64": proportion(right, total),
        "own caption against a near miss": proportion(near_right, total),
    }


def evaluate_clip(folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """Choices on fresh scenes of the training's kind, and on scenes with held-out combinations."""
    judge = ClipJudge(folder)
    rounds = 4 if quick else 16
    return {
        "fresh scenes": _choices(judge, rounds, held_out=False),
        "held-out combinations": _choices(judge, rounds, held_out=True),
    }
