"""The denoising loop: from pure noise to a picture's latents. Knows no prompts, no pixels and no requests."""

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from services.diffusion.families import Denoiser
from services.diffusion.prompts import Conditioning
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


def initial_noise(shape: tuple[int, ...], generator: torch.Generator, scheduler: Any, device: torch.device) -> Tensor:
    """x_T: Gaussian noise, drawn on the CPU so that a seed means the same noise on every device."""
    noise = torch.randn(shape, generator=generator, dtype=torch.float32)
    return noise.to(device) * getattr(scheduler, "init_noise_sigma", 1.0)


@torch.inference_mode()
def denoise(
    denoiser: Denoiser,
    scheduler: Any,
    latents: Tensor,
    conditioning: Conditioning,
    *,
    guidance_scale: float,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """Yield x_t after each of the scheduler's timesteps, 1 × channels × h × w in float32; the last one is x_0.

    Guidance is classifier-free (arXiv 2207.12598), where the conditioning has a second row for it. Stochastic
    schedulers draw from `generator`.
    """
    draws = "generator" in inspect.signature(scheduler.step).parameters
    randomness = {"generator": generator} if draws else {}
    for timestep in scheduler.timesteps:
        rows = model_input(scheduler, latents, timestep).repeat(conditioning.states.shape[0], 1, 1, 1)
        output = denoiser.predict(rows, timestep, conditioning)
        if conditioning.guided:
            unconditional, conditional = output.chunk(2)
            output = unconditional + guidance_scale * (conditional - unconditional)
        latents = scheduler.step(output, timestep, latents, return_dict=False, **randomness)[0]
        yield latents


def model_input(scheduler: Any, latents: Tensor, timestep: Tensor) -> Tensor:
    """x_t as the denoiser sees it: some schedulers work at a growing variance and scale it to 1 for the network."""
    scale = getattr(scheduler, "scale_model_input", None)
    return latents if scale is None else scale(latents, timestep)
