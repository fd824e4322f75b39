"""The denoising loop: from noise to a picture's latents. Knows no prompts, no pixels and no requests."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from services.diffusion.families import Denoiser
from services.diffusion.prompts import Conditioning, Prompt
from shared.errors import InvalidRequest


def fresh_scheduler(template: Any, steps: int, device: torch.device) -> Any:
    """A scheduler of one request's own, its timesteps set: schedulers keep state from step to step.

    Raises:
        InvalidRequest: the scheduler cannot do that many steps.
    """
    scheduler = type(template).from_config(template.config)
    try:
        scheduler.set_timesteps(steps, device=device)
    except ValueError:
        raise InvalidRequest(
            f"This painter's scheduler cannot do {steps} steps; leave the number of steps away."
        ) from None
    return scheduler


def drawn_noise(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Gaussian noise, drawn on the CPU so that a seed means the same noise on every device."""
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(device)


@dataclass(frozen=True)
class Source:
    """The picture that an edit starts from."""

    latents: Tensor
    """1 × channels × h × w."""
    strength: float
    """The share of the steps that is done, over 0 and up to 1: at 1 nothing of the latents is in the start."""
    repainted: Tensor | None
    """1 × 1 × h × w, 1 where latents may change and 0 where they stay the source's; None: all may change."""


@dataclass(frozen=True)
class Start:
    """Where the loop begins and what it holds on to."""

    latents: Tensor
    """x_t of the first timestep."""
    timesteps: Tensor
    """Those that are done: all, or for an edit the last ones."""
    noise: Tensor
    source: Source | None = None

    def held(self, scheduler: Any, latents: Tensor, number: int) -> Tensor:
        """x_t after step `number` (from 0), with the source at its noise level in place of what must stay."""
        if self.source is None or self.source.repainted is None:
            return latents
        kept = self.source.latents
        if number + 1 < len(self.timesteps):
            kept = noised(scheduler, kept, self.noise, self.timesteps[number + 1])
        return torch.where(self.source.repainted > 0, latents, kept)


def start(scheduler: Any, steps: int, noise: Tensor, source: Source | None) -> Start:
    """Pure noise, or a source at the noise level that its strength means, as diffusers' img2img pipelines begin.

    Raises:
        InvalidRequest: the scheduler cannot begin from a picture.
    """
    pure = noise * getattr(scheduler, "init_noise_sigma", 1.0)
    if source is None:
        return Start(pure, scheduler.timesteps, noise)
    done = max(1, min(int(steps * source.strength), steps))
    begin = (steps - done) * getattr(scheduler, "order", 1)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    timesteps = scheduler.timesteps[begin:]
    mixed = noised(scheduler, source.latents, noise, timesteps[0])
    return Start(pure if source.strength == 1 else mixed, timesteps, noise, source)


def noised(scheduler: Any, latents: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
    """Latents at the noise level of the timestep that comes next. Raises InvalidRequest."""
    if hasattr(scheduler, "scale_noise"):  # flow matching only; add_noise elsewhere
        return scheduler.scale_noise(latents, timestep[None], noise)
    if hasattr(scheduler, "add_noise"):
        return scheduler.add_noise(latents, noise, timestep[None])
    raise InvalidRequest("This painter's scheduler can only paint from noise. Ask for a new picture.")


@torch.inference_mode()
def denoise(
    denoiser: Denoiser,
    scheduler: Any,
    start: Start,
    prompt: Prompt,
    *,
    guidance_scale: float,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield x_t after each timestep, 1 × channels × h × w in float32; the last one is x_0.

    Guidance is classifier-free (arXiv 2207.12598), where the prompt has a second row for it. Stochastic
    schedulers draw from `generator`. What is held in an edit is the source's after every step (arXiv 2108.01073,
    2201.09865).
    """
    draws = "generator" in inspect.signature(scheduler.step).parameters
    randomness = {"generator": generator} if draws else {}
    latents = start.latents
    conditioning = Conditioning.cat([row for row in (prompt.negative, prompt.positive) if row is not None])
    for number, timestep in enumerate(start.timesteps):
        rows = model_input(scheduler, latents, timestep).repeat(conditioning.rows, 1, 1, 1)
        output = denoiser.predict(rows, timestep.float().expand(conditioning.rows), conditioning)
        if prompt.guided:
            unconditional, conditional = output.chunk(2)
            output = unconditional + guidance_scale * (conditional - unconditional)
        latents = scheduler.step(output, timestep, latents, return_dict=False, **randomness)[0]
        latents = start.held(scheduler, latents, number)
        yield latents


def model_input(scheduler: Any, latents: Tensor, timestep: Tensor) -> Tensor:
    """x_t as the denoiser sees it: some schedulers work at a growing variance and scale it to 1 for the network."""
    scale = getattr(scheduler, "scale_model_input", None)
    return latents if scale is None else scale(latents, timestep)
