"""Pixels of the pictures in training conversations: scenes, pages of text, and images from outside the world.

Knows what an unreadable page looks like at 128 px. Does not know conversations.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from training.phrasings import requests
from training.phrasings.subjects import general
from training.vlm.chat import PAGE, Picture
from training.world import CANVAS, Scene, render
from training.world.labels import dense_labels

FONT_FOLDERS = ("/usr/share/fonts",)
POOL_SIZE = 400


def _fonts() -> list[str]:
    found = (path for folder in FONT_FOLDERS for path in sorted(Path(folder).rglob("*.ttf")))
    return [str(path) for path in found if "Emoji" not in path.name]


def _font(rng: Random, size: int, fonts: list[str]) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.truetype(rng.choice(fonts), size) if fonts and rng.random() < 0.8 else ImageFont.load_default(size)


def _line(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return f"{general(rng)[:24].ljust(26)}{rng.randint(1, 99)}.{rng.randint(0, 99):02d}"
    return requests.drawing(rng).message if kind < 0.7 else general(rng)


def page(rng: Random, fonts: list[str]) -> Image.Image:
    """A document, receipt, sign or screenshot of its own size, with rendered text."""
    width, height = rng.choice(((1000, 1000), (800, 1100), (420, 900), (1100, 700), (640, 640), (600, 300), (300, 300)))
    dark = rng.random() < 0.2
    paper = tuple(rng.randint(0, 60) for _ in range(3)) if dark else tuple(rng.randint(205, 255) for _ in range(3))
    ink = tuple(rng.randint(180, 255) for _ in range(3)) if dark else tuple(rng.randint(0, 90) for _ in range(3))
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    size = rng.choice((10, 12, 15, 15, 18, 24, 32, 48, 80))
    font = _font(rng, size, fonts)
    top, left = rng.randint(4, 40), rng.randint(4, 60)
    bottom = height - rng.choice((10, 10, 60, height // 2))
    spacing = rng.uniform(1.2, 2.0) * size
    while top + size < bottom:
        if rng.random() < 0.93:
            draw.text((left, top), _line(rng)[: int(1.6 * (width - 2 * left) / size)], fill=ink, font=font)
        top += spacing
    if rng.random() < 0.3:
        draw.rectangle((2, 2, width - 3, height - 3), outline=ink, width=rng.randint(1, 6))
    return image


def strange(rng: Random) -> Image.Image:
    """Noise, gradients or blobs: something that is neither a scene of the world nor a page."""
    source = np.random.default_rng(rng.randrange(2**32))
    cells = rng.choice((2, 3, 5, 9, 20, 128))
    coarse = source.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    way = Image.Resampling.BICUBIC if rng.random() < 0.7 else Image.Resampling.NEAREST
    smooth = np.asarray(Image.fromarray(coarse).resize((CANVAS, CANVAS), way), np.float32)
    noisy = smooth + source.normal(0, rng.choice((0, 4, 12, 30)), smooth.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@dataclass(frozen=True)
class Labelled:
    """Pictures, and of those that are scenes what stands in each patch."""

    pixels: Tensor
    """uint8 (N, 3, 128, 128)."""
    scenes: Tensor
    """Which of them are scenes (S,)."""
    things: Tensor
    """Class indices (S, 64)."""
    colours: Tensor
    """Class indices (S, 64)."""

    def to(self, device: torch.device) -> "Labelled":
        """The same on a device."""
        return Labelled(*(part.to(device) for part in (self.pixels, self.scenes, self.things, self.colours)))


def as_input(pixels: Tensor) -> Tensor:
    """uint8 pixels in -1..1, as the image processor gives them."""
    return pixels.float() / 127.5 - 1.0


class PictureSource:
    """Gives pixels of any Picture. Pages and strange images come from pools, since a page takes milliseconds."""

    def __init__(self, seed: int, pool: int = POOL_SIZE) -> None:
        rng, fonts = Random(seed), _fonts()
        side = (CANVAS, CANVAS)
        self.pages = [np.asarray(page(rng, fonts).resize(side, Image.Resampling.BICUBIC)) for _ in range(pool)]
        self.strange = [np.asarray(strange(rng).resize(side)) for _ in range(pool)]

    def pixels(self, picture: Picture, rng: Random) -> np.ndarray:
        """uint8 (128, 128, 3)."""
        if isinstance(picture, Scene):
            return render(picture)
        return rng.choice(self.pages if picture == PAGE else self.strange)

    def batch(self, pictures: list[Picture], rng: Random) -> Labelled:
        """Their pixels and labels. At least one of them must be a scene."""
        stacked = np.stack([self.pixels(picture, rng) for picture in pictures])
        scenes = {at: each for at, each in enumerate(pictures) if isinstance(each, Scene)}
        things, colours = (torch.from_numpy(labels) for labels in dense_labels(scenes.values()))
        pixels = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous()
        return Labelled(pixels, torch.tensor(list(scenes)), things, colours)
