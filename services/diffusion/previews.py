"""A small picture of latents in a fraction of a millisecond: one matrix from latent channels to RGB.

The matrix is fitted once, at load, for whatever autoencoder there is: synthetic colour pictures are encoded, and
their colours, averaged over each latent cell, are regressed on the latents.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from services.diffusion.autoencoder import Autoencoder
from services.diffusion.tickets import Sight, Taken

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

    def sights(self, latents: Tensor) -> NDArray[np.uint8]:
        """Latents of n pictures, n × channels × h × w, as RGB pictures of w × h pixels, n × h × w × 3."""
        count, _, height, width = latents.shape
        finite = torch.nan_to_num(latents.float().cpu()).clamp(-LARGEST, LARGEST)
        rgb = (rows_of(finite) @ self.projection).clip(0, 1)
        return (rgb.reshape(count, height, width, 3) * 255).round().astype(np.uint8)


class Sights:
    """Gives tickets a sight of their pictures, of each batch in one go. Called by the engine's teller."""

    def __init__(self, previewer: Previewer, every: int) -> None:
        """`every` so many steps each picture is seen anew; 0: never."""
        self._previewer, self._every = previewer, every

    def due(self, step: int, total: int) -> bool:
        """Whether a picture is shown after that step. Not after the last one: the picture itself follows."""
        return self._every > 0 and step % self._every == 0 and step < total

    def __call__(self, taken: Sequence[Taken]) -> None:
        alike: dict[Any, list[Taken]] = {}
        for each in taken:
            if self._is_due(each):
                alike.setdefault(each.latents.shape, []).append(each)
        for group in alike.values():
            self._see(group)

    def _is_due(self, taken: Taken) -> bool:
        """Whether a step to be shown was taken since the picture was last seen."""
        last = taken.ticket.sight
        before = 0 if last is None else last.step
        return self._every > 0 and step_of(taken) // self._every > before // self._every

    def _see(self, group: Sequence[Taken]) -> None:
        latents = torch.cat([taken.latents for taken in group]).float().cpu()
        seen_as = torch.stack([taken.ticket.picture.schedule.coefficients[step_of(taken), 0] for taken in group])
        rgbs = self._previewer.sights(latents * seen_as[:, None, None, None])
        for taken, rgb in zip(group, rgbs, strict=True):
            taken.ticket.sight = Sight(step_of(taken), rgb)


def step_of(taken: Taken) -> int:
    """The step that a picture has come to; of one that is done, the one before the last."""
    return min(taken.step, taken.ticket.picture.total - 1)


def small_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """A picture, h × w × 3, as a JPEG of at most MAX_BYTES and MAX_SIDE pixels on a side.

    By OpenCV, which takes a fifth of Pillow's time for so few pixels and leaves the interpreter to others meanwhile.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, MAX_SIDE / max(height, width))
    small = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    while True:
        if scale < 1:
            size = max(round(width * scale), 1), max(round(height * scale), 1)
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        for quality in QUALITIES:
            _, jpeg = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, quality))
            if len(jpeg) <= MAX_BYTES:
                return jpeg.tobytes()
        scale = min(1.0, scale) / 2


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
