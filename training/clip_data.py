"""Batches for CLIP: pictures, captions, dense labels, with near misses side by side.

Knows the world and the tokenizer. Half of each batch are variations of the other half that differ in
one attribute, so that "red" and "left" decide and not only the thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from training.world import RELATIONS, SETTINGS, Scene, caption, render, sample_scene, vary
from training.world.labels import dense_labels


@dataclass(frozen=True)
class ClipBatch:
    """pixels (B, 3, 128, 128) in -1..1; ids, mask (B, L); class indices by head name."""

    pixels: Tensor
    ids: Tensor
    mask: Tensor
    labels: dict[str, Tensor]

    def to(self, device: torch.device) -> "ClipBatch":
        """The same batch on a device."""
        labels = {name: tensor.to(device) for name, tensor in self.labels.items()}
        return ClipBatch(self.pixels.to(device), self.ids.to(device), self.mask.to(device), labels)


def sample_scenes(rng: Random, batch: int) -> list[Scene]:
    """`batch` scenes in pairs: a scene and a near miss of it."""
    scenes: list[Scene] = []
    while len(scenes) < batch:
        scene = sample_scene(rng)
        scenes += [scene, vary(scene, rng)]
    return scenes[:batch]


def pixels_of(scenes: list[Scene], rng: Random | None = None) -> Tensor:
    """float32 (B, 3, 128, 128) in -1..1; with `rng`, brightness and a little noise vary."""
    pictures = np.stack([render(scene) for scene in scenes])
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
    if rng is not None:
        generator = torch.Generator().manual_seed(rng.getrandbits(62))
        shape = (len(scenes), 1, 1, 1)
        pixels.mul_(1 + 0.1 * torch.randn(shape, generator=generator))
        pixels.add_(0.05 * torch.randn(shape, generator=generator)).clamp_(-1, 1)
    return pixels


def labels_of(scenes: list[Scene]) -> dict[str, Tensor]:
    """Class indices: "thing" and "colour" (B, 64), "setting", "count", "relation" (B,)."""
    things, colours = dense_labels(scenes)
    return {
        "thing": torch.from_numpy(things),
        "colour": torch.from_numpy(colours),
        "setting": torch.tensor([SETTINGS.index(scene.setting) for scene in scenes]),
        "count": torch.tensor([scene.groups[0].count for scene in scenes]),
        "relation": torch.tensor([RELATIONS.index(s.relation) + 1 if s.relation else 0 for s in scenes]),
    }


def make_batch(rng: Random, batch: int, tokenizer: CLIPTokenizer, *, augment: bool = True) -> ClipBatch:
    """A random batch; prompts are padded to the longest of the batch."""
    scenes = sample_scenes(rng, batch)
    captions = [caption(scene, rng) for scene in scenes]
    tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
    pixels = pixels_of(scenes, rng if augment else None)
    return ClipBatch(pixels, tokens["input_ids"], tokens["attention_mask"], labels_of(scenes))


def random_batches(rng: Random, batch: int, tokenizer: CLIPTokenizer) -> Iterator[ClipBatch]:
    """Endless."""
    while True:
        yield make_batch(rng, batch, tokenizer)
