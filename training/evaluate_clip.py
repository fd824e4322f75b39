"""Measures CLIP: which of 64 captions belongs to a picture, on scenes that training never draws."""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPModel

from training.clip_data import pixels_of
from training.intervals import proportion
from training.world import Scene, caption, sample_scene, vary

CHOICES = 64
HELD_OUT_SEED = 987_654_321
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


def held_out_scenes(count: int, offset: int = 0) -> tuple[list[Scene], Random]:
    """Random scenes of the held-out stream, and the generator to go on with."""
    rng = Random(HELD_OUT_SEED + offset)
    return [sample_scene(rng) for _ in range(count)], rng


def evaluate_clip(folder: Path, rounds: int = 8) -> dict[str, Any]:
    """Share of right choices among CHOICES random captions, and between a caption and its near miss."""
    judge = ClipJudge(folder)
    right = near_right = 0
    for index in range(rounds):
        scenes, rng = held_out_scenes(CHOICES, index)
        captions = [caption(scene, rng) for scene in scenes]
        misses = [caption(vary(scene, rng), rng) for scene in scenes]
        scores = judge.similarity(pixels_of(scenes), captions + misses)
        own = scores.diagonal()
        right += int((scores[:, :CHOICES].argmax(1) == torch.arange(CHOICES)).sum())
        near_right += int((own > scores[:, CHOICES:].diagonal()).sum())
    total = rounds * CHOICES
    return {"choice_of_64": proportion(right, total), "against_near_miss": proportion(near_right, total)}
