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


class LatentPool:
    """Scenes and their latents, scaled by `scale`."""

    def __init__(self, autoencoder: AutoencoderDC, size: int, rng: Random, device: torch.device) -> None:
        self.autoencoder, self.rng, self.device = autoencoder, rng, device
        self.scenes = [self._scene() for _ in range(size)]
        self.latents = torch.empty(size, autoencoder.config["latent_channels"], LATENT_SIDE, LATENT_SIDE)
        for first in range(0, size, 32):
            part = self.scenes[first : first + 32]
            self.latents[first : first + len(part)] = encode_scenes(autoencoder, part, device).cpu()
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
        for place, scene, latents in zip(places, fresh, encoded, strict=True):
            self.scenes[place] = scene
            self.latents[place] = latents
        self._oldest = (self._oldest + count) % len(self.scenes)

    def batch(self, size: int) -> tuple[list[Scene], Tensor]:
        """`size` random scenes and their scaled latents (size, 8, 16, 16)."""
        places = [self.rng.randrange(len(self.scenes)) for _ in range(size)]
        return [self.scenes[place] for place in places], self.latents[places].to(self.device)
