"""A small picture of latents in a fraction of a millisecond: one matrix from latent channels to RGB.

The matrix is fitted once, at load, for whatever autoencoder there is: synthetic colour pictures are encoded, and
their colours, averaged over each latent cell, are regressed on the latents.
"""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from services.diffusion.autoencoder import Autoencoder

MAX_BYTES = 4096
MAX_SIDE = 128
QUALITIES = (75, 50, 30, 15)
PICTURES = 12
CELLS = 8
"""Latent cells per side of a picture that the fit uses."""
LARGEST = 1e4
"""Beyond all latents of a working model; a preview must not fail where a picture has gone wrong."""


class Previewer:
    """Latents to a small picture, by a linear projection."""

    def __init__(self, projection: NDArray[np.float32]) -> None:
        """`projection`: (channels + 1) × 3, the last row is the constant; RGB is 0..1."""
        self.projection = projection

    @classmethod
    def fitted_to(cls, autoencoder: Autoencoder) -> "Previewer":
        pixels = synthetic_pictures(autoencoder.stride).to(autoencoder.device)
        latents = torch.cat([autoencoder.encode(picture[None]) for picture in pixels]).float().cpu()
        colours = functional.avg_pool2d(pixels.float().cpu(), autoencoder.stride) / 2 + 0.5
        solution = np.linalg.lstsq(rows_of(latents), rows_of(colours)[:, :-1], rcond=None)[0]
        return cls(solution.astype(np.float32))

    def picture(self, latents: Tensor) -> Image.Image:
        """Latents of one picture, 1 × channels × h × w, as an RGB picture of w × h pixels."""
        height, width = latents.shape[-2:]
        finite = torch.nan_to_num(latents.float().cpu()).clamp(-LARGEST, LARGEST)
        rgb = (rows_of(finite) @ self.projection).clip(0, 1)
        return Image.fromarray((rgb.reshape(height, width, 3) * 255).round().astype(np.uint8))


def small_jpeg(image: Image.Image) -> bytes:
    """A JPEG of at most MAX_BYTES and MAX_SIDE pixels on a side."""
    small = image.copy()
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    while True:
        for quality in QUALITIES:
            out = io.BytesIO()
            small.save(out, "JPEG", quality=quality)
            if out.tell() <= MAX_BYTES:
                return out.getvalue()
        small = small.reduce(2)


def rows_of(maps: Tensor) -> NDArray[np.float32]:
    """n × channels × h × w as one row of channels, and a 1 after them, per cell."""
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]).numpy()
    return np.concatenate([rows, np.ones((len(rows), 1), rows.dtype)], axis=1)


def synthetic_pictures(stride: int) -> Tensor:
    """Colour fields from smooth to patchy, n × 3 × side × side in -1..1; always the same ones."""
    generator = torch.Generator().manual_seed(0)
    side = CELLS * stride
    pictures = []
    for number in range(PICTURES):
        grid = torch.rand((1, 3, 1 + number % 6, 1 + number % 6), generator=generator) * 2 - 1
        pictures.append(functional.interpolate(grid, size=(side, side), mode="bilinear" if number % 2 else "nearest"))
    return torch.cat(pictures)
