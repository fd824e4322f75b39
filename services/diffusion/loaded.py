"""A painter in memory: what all of the parts are. Knows no folders."""

from dataclasses import dataclass

import torch

from services.diffusion.autoencoder import Autoencoder
from services.diffusion.families import Denoiser
from services.diffusion.passes import Passes
from services.diffusion.previews import Previewer
from services.diffusion.prompts import PromptEncoder
from services.diffusion.schedules import Sampler
from services.diffusion.shapes import Canvas
from services.diffusion.words import KnownWords


@dataclass(frozen=True)
class Setting:
    """A way to paint: a denoiser, and how it is called where a request says nothing itself."""

    passes: Passes
    """How the engine asks the denoiser."""
    sampler: Sampler
    steps: int
    guidance_scale: float

    @property
    def denoiser(self) -> Denoiser:
        return self.passes.denoiser


@dataclass(frozen=True)
class LoadedPainter:
    """A text-to-image model in memory."""

    name: str
    usual: Setting
    fast: Setting | None
    """Few steps of a denoiser distilled for them; None: this model has no such thing."""
    prompts: PromptEncoder
    autoencoder: Autoencoder
    previewer: Previewer
    words: KnownWords
    device: torch.device
    canvas: Canvas
    identity: str
    """Of the weights on disk and their number format: another painter, or a new version of this one, has another."""
