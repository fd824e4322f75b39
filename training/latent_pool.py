"""A pool of encoded scenes in memory that is renewed bit by bit.

Encoding costs about as much as a training step, so each scene is used several times (with a new caption
and new noise each time) before a fresh one takes its place.
"""

from random import Random

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from torch import Tensor

from training.autoencoder import to_pixels
from training.painter_model import LATENT_SIDE
from training.precision import mixed_precision
from training.world import Scene, render, sample_scene
from training.world.labels import dense_labels

PAINTER_KINDS = {"single": 3.0, "count": 1.5, "pair": 4.0, "in": 1.5}
"""What the painter practises; pairs, the hardest, more than the world has them."""

SCALE_SCENES = 128


@torch.no_grad()
def encode_scenes(autoencoder: AutoencoderDC, scenes: list[Scene], device: torch.device) -> Tensor:
    """Unscaled latents (B, 8, 16, 16) in fp32."""
    pictures = to_pixels(np.stack([render(scene) for scene in scenes])).to(device)
    with mixed_precision(device):
        return autoencoder.encode(pictures, return_dict=False)[0].float()


def latent_scale(autoencoder: AutoencoderDC, device: torch.device) -> float:
    """What makes the latents' standard deviation one; always of the same scenes, so that a resumed run keeps it."""
    rng = Random(0)
    scenes = [sample_scene(rng, PAINTER_KINDS) for _ in range(SCALE_SCENES)]
    return 1.0 / float(encode_scenes(autoencoder, scenes, device).std())


def plan_labels(scenes: list[Scene]) -> dict[str, Tensor]:
    """What each token shows: class indices "thing" and "colour" (B, 64)."""
    things, colours = (torch.from_numpy(labels) for labels in dense_labels(scenes))
    return {"thing": things, "colour": colours}


class LatentPool:
    """Scenes, their latents, scaled by `scale`, and what each token shows."""

    def __init__(self, autoencoder: AutoencoderDC, size: int, rng: Random, device: torch.device) -> None:
        self.autoencoder, self.rng, self.device = autoencoder, rng, device
        self.scenes = [self._scene() for _ in range(size)]
        self.latents = torch.empty(size, autoencoder.config["latent_channels"], LATENT_SIDE, LATENT_SIDE)
        for first in range(0, size, 32):
            part = self.scenes[first : first + 32]
            self.latents[first : first + len(part)] = encode_scenes(autoencoder, part, device).cpu()
        self.labels = plan_labels(self.scenes)
        self.scale = latent_scale(autoencoder, device)
        self.latents *= self.scale
        self._oldest = 0

    def _scene(self) -> Scene:
        return sample_scene(self.rng, PAINTER_KINDS)

    def renew(self, count: int) -> None:
        """Replaces the `count` oldest scenes."""
        places = [(self._oldest + k) % len(self.scenes) for k in range(count)]
        fresh = [self._scene() for _ in places]
        encoded = encode_scenes(self.autoencoder, fresh, self.device).cpu() * self.scale
        for place, scene in zip(places, fresh, strict=True):
            self.scenes[place] = scene
        self.latents[places] = encoded
        for name, labels in plan_labels(fresh).items():
            self.labels[name][places] = labels
        self._oldest = (self._oldest + count) % len(self.scenes)

    def batch(self, size: int) -> tuple[list[Scene], Tensor, dict[str, Tensor]]:
        """`size` random scenes, their scaled latents (size, 8, 16, 16), and their labels as `plan_labels` has them."""
        places = [self.rng.randrange(len(self.scenes)) for _ in range(size)]
        labels = {name: each[places].to(self.device) for name, each in self.labels.items()}
        return [self.scenes[place] for place in places], self.latents[places].to(self.device), labels
