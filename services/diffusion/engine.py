"""Paints: one request in, its steps, previews and picture out. Knows no queue and no artifact store.

Requests share one model. Their denoise steps take turns under a lock, one step at a time; encoding the prompt and
decoding the latents stay outside it.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from services.diffusion.loading import LoadedPainter, Setting, load
from services.diffusion.prompts import Conditioning
from services.diffusion.sampling import denoise, fresh_scheduler, initial_noise, model_input
from services.diffusion.settings import DiffusionSettings
from shared.jobs import GenerateImage
from shared.provenance import Provenance, png_with_provenance


@dataclass(frozen=True)
class Step:
    """Step `step` of `total` is done. Some schedulers take more steps than were asked for."""

    step: int
    total: int


@dataclass(frozen=True)
class Preview:
    """The picture after `step`, at the latents' size: noise at first."""

    step: int
    jpeg: bytes


@dataclass(frozen=True)
class Painted:
    """The finished picture and the values that were used for it."""

    png: bytes
    """With its generation parameters inside (shared/provenance.py)."""
    width: int
    height: int
    native_width: int
    """As it was painted; where it differs, the picture was resized to what was asked."""
    native_height: int
    seed: int
    fast: bool
    """Painted in the fast setting."""
    steps: int
    guidance_scale: float
    model: str
    seconds: float
    tokens_dropped: int
    """Tokens at the prompt's end that the model could not take in; 0 where it has seen all of it."""
    unknown_words: tuple[str, ...]
    """Words of the prompt that the model never learned: what they mean is not in the picture."""


@dataclass(frozen=True)
class Plan:
    """A request with the painter's defaults filled in."""

    setting: Setting
    fast: bool
    steps: int
    guidance_scale: float
    shape: tuple[int, int]
    """Width and height that are painted."""
    size: tuple[int, int]
    """Width and height of the picture."""


@dataclass(frozen=True)
class Run:
    """A request on its way: its own scheduler and the loop that makes its latents."""

    plan: Plan
    scheduler: Any
    conditioning: Conditioning
    steps: Iterator[Tensor]

    @property
    def total(self) -> int:
        return len(self.scheduler.timesteps)


class Painter:
    """The painter of one process; may be used from several threads at once."""

    def __init__(self, model: LoadedPainter, settings: DiffusionSettings) -> None:
        self.model = model
        self.settings = settings
        self._one_step_at_a_time = threading.Lock()

    @classmethod
    def from_settings(cls, settings: DiffusionSettings) -> "Painter":
        """Load the model that the settings name. Raises FolderRefused (services/diffusion/folder.py)."""
        return cls(load(settings), settings)

    def plan(self, work: GenerateImage) -> Plan:
        """Fill in the defaults."""
        model = self.model
        size = work.width or model.canvas.side, work.height or model.canvas.side
        shape = model.canvas.shape_for(*size)
        if work.fast and model.fast is not None:  # distilled for its own steps and guidance: others would not do
            return Plan(model.fast, True, model.fast.steps, model.fast.guidance_scale, shape, size)
        guidance = model.usual.guidance_scale if work.guidance_scale is None else work.guidance_scale
        return Plan(model.usual, False, work.steps or model.usual.steps, guidance, shape, size)

    def paint(self, work: GenerateImage) -> Iterator[Step | Preview | Painted]:
        """Yield a Step after each step, a Preview after some, at last the Painted. Closing the generator cancels.

        The same work gives the same bytes, whatever else is running.

        Raises:
            InvalidRequest: at the first step, for a number of steps that this model cannot do.
            JobFailed: the numbers ran out of range.
        """
        started = time.perf_counter()
        run = self.begin(work)
        latents = None
        for step in range(1, run.total + 1):
            with self._one_step_at_a_time:
                latents = next(run.steps)
            yield Step(step, run.total)
            if self.shows_preview(step, run.total):
                visible = model_input(run.scheduler, latents, run.scheduler.timesteps[step])
                yield Preview(step, self.model.previewer.preview(visible))
        assert latents is not None  # noqa: S101 - every scheduler has a step
        png = self.finish(work, run, latents)
        yield Painted(
            png=png,
            width=run.plan.size[0],
            height=run.plan.size[1],
            native_width=run.plan.shape[0],
            native_height=run.plan.shape[1],
            seed=work.seed,
            fast=run.plan.fast,
            steps=run.plan.steps,
            guidance_scale=run.plan.guidance_scale,
            model=self.model.name,
            seconds=time.perf_counter() - started,
            tokens_dropped=run.conditioning.tokens_dropped,
            unknown_words=self.model.words.unknown_in(work.prompt),
        )

    def begin(self, work: GenerateImage) -> Run:
        """Everything before the first step: defaults, prompt, noise, schedule."""
        plan, device = self.plan(work), self.model.device
        scheduler = fresh_scheduler(plan.setting.scheduler, plan.steps, device)
        guided = plan.guidance_scale > 1.0
        conditioning = self.model.prompts.encode(work.prompt, work.negative_prompt if guided else None)
        generator = torch.Generator().manual_seed(work.seed)
        noise = initial_noise(self.latent_shape(plan), generator, scheduler, device)
        steps = denoise(
            plan.setting.denoiser,
            scheduler,
            noise,
            conditioning,
            guidance_scale=plan.guidance_scale,
            generator=generator,
        )
        return Run(plan, scheduler, conditioning, steps)

    def latent_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        stride = self.model.autoencoder.stride
        return 1, plan.setting.denoiser.latent_channels, plan.shape[1] // stride, plan.shape[0] // stride

    def shows_preview(self, step: int, total: int) -> bool:
        """Every few steps, and not after the last one: the picture itself follows."""
        every = self.settings.diffusion_preview_every
        return every > 0 and step % every == 0 and step < total

    def finish(self, work: GenerateImage, run: Run, latents: Tensor) -> bytes:
        """Decode the latents into a PNG of the size that was asked for, which says how it was made."""
        image = Image.fromarray(self.model.autoencoder.decode(latents))
        if run.plan.size != run.plan.shape:
            image = image.resize(run.plan.size, Image.Resampling.LANCZOS)
        record = Provenance(
            prompt=work.prompt,
            negative_prompt=work.negative_prompt if run.conditioning.guided else "",
            tokens_dropped=run.conditioning.tokens_dropped,
            seed=work.seed,
            fast=run.plan.fast,
            steps=run.plan.steps,
            guidance_scale=run.plan.guidance_scale,
            width=run.plan.size[0],
            height=run.plan.size[1],
            native_width=run.plan.shape[0],
            native_height=run.plan.shape[1],
            scheduler=type(run.plan.setting.scheduler).__name__,
            model=self.model.name,
        )
        return png_with_provenance(image, record)
