"""Measures whether the painter samples or copies: how far its pictures are from the nearest training scenes.

Given all its facts, a scene of this world has one picture, so nearness to a training scene proves no copying. What can
be told: asked for a combination that no training scene shows, does it paint that one, or the nearest it was shown? And
does a prompt that leaves much open give different pictures with different seeds?
"""

from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from training.clip_data import pixels_of
from training.evaluate_painter import MANY_STEPS, load_brushes
from training.evaluate_tasks import prompt_for
from training.intervals import median, proportion
from training.world import THING_NAMES, Scene, is_held_out, sample_scene, vary
from training.world.captions import article

BLOCK = 4
"""Side in pixels of the blocks whose mean colours are compared: blur and sharpness do not count."""
SETTLED_KINDS = {"count": 1.0, "pair": 1.0, "in": 1.0}
"""Scenes whose places follow from the prompt."""
NEAR_MISSES = 100
"""For each held-out scene, so many that differ in one thing, colour, place or setting; training ones are kept."""
SEED = 987_654_521


def signature(pixels: Tensor) -> Tensor:
    """Mean colours of blocks, 0-255: (B, 3, 128, 128) in -1..1 to (B, 3072)."""
    return (avg_pool2d(pixels, BLOCK).flatten(1) + 1) * 127.5


def distances(signatures: Tensor, others: Tensor) -> Tensor:
    """Root mean square differences (B, N) in grey levels."""
    return torch.cdist(signatures, others) / signatures.shape[1] ** 0.5


def training_scenes(asked: list[Scene], count: int, rng: Random) -> list[Scene]:
    """`count` scenes as training draws them, and near misses of those asked for, none of them held out."""
    near = [vary(scene, rng) for scene in asked for _ in range(NEAR_MISSES)]
    return [sample_scene(rng) for _ in range(count)] + [scene for scene in near if not is_held_out(scene)]


def _signatures(scenes: list[Scene]) -> Tensor:
    return torch.cat([signature(pixels_of(scenes[first : first + 256])) for first in range(0, len(scenes), 256)])


def _open_prompts(count: int) -> list[str]:
    """Each twice, so that consecutive seeds paint the same prompt."""
    rng = Random(SEED)
    return [prompt for prompt in (article(rng.choice(THING_NAMES)) for _ in range(count)) for _ in range(2)]


def evaluate_novelty(folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """Distances of painted held-out scenes and of fresh renders of them to the nearest training scenes."""
    rng, count = Random(SEED), 48 if quick else 200
    asked = [sample_scene(rng, SETTLED_KINDS, held_out=True) for _ in range(count)]
    pool = _signatures(training_scenes(asked, 4000 if quick else 20_000, rng))
    brush = load_brushes(folder)[MANY_STEPS]
    prompts = [prompt_for(scene, rng, relation=True, setting=True) for scene in asked]
    painted, true = signature(brush.paint(prompts)), _signatures(asked)
    nearest = distances(painted, pool).min(1).values
    own = distances(painted, true).diagonal()
    pairs = signature(brush.paint(_open_prompts(count // 3)))
    unit = "grey levels"
    return {
        "held-out scenes, to the nearest training scene": {
            "painted": median(nearest.tolist(), unit),
            "rendered": median(distances(true, pool).min(1).values.tolist(), unit),
        },
        "painted held-out scenes, to the render of what was asked": median(own.tolist(), unit),
        "nearer to what was asked than to any training scene": proportion(int((own < nearest).sum()), count),
        "two seeds of one open prompt, to each other": median(
            distances(pairs, pairs)[0::2, 1::2].diagonal().tolist(), unit
        ),
    }
