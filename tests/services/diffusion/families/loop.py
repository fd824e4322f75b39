"""The plainest denoising loop around a family: one picture, one scheduler of diffusers."""

import numpy as np
import torch
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from torch import Tensor

from services.diffusion.loaded import LoadedPainter
from services.diffusion.prompts import Conditioning

SEED = 7


def noise(painter: LoadedPainter, width: int, height: int) -> Tensor:
    stride = painter.autoencoder.stride
    shape = 1, painter.usual.denoiser.latent_channels, height // stride, width // stride
    return torch.randn(shape, generator=torch.Generator().manual_seed(SEED))


def timesteps_of(painter: LoadedPainter, scheduler, steps: int, latents: Tensor) -> Tensor:
    denoiser = painter.usual.denoiser
    wanted = {"sigmas": np.linspace(1.0, 1 / steps, steps)} if denoiser.even_sigmas else {"num_inference_steps": steps}
    if scheduler.config.get("use_dynamic_shifting"):
        tokens = latents.shape[-1] * latents.shape[-2] // denoiser.patch**2
        wanted["mu"] = calculate_shift(tokens)
    scheduler.set_timesteps(**wanted)
    return scheduler.timesteps


@torch.inference_mode()
def denoised(
    painter: LoadedPainter, latents: Tensor, *, prompt: str, negative: str | None, steps: int, guidance: float
) -> Tensor:
    """The latents after `steps`, from the given ones at the variance 1. `negative` None: no guidance row."""
    denoiser, scheduler = (
        painter.usual.denoiser,
        type(painter.usual.sampler.scheduler).from_config(painter.usual.sampler.scheduler.config),
    )
    shape = latents.shape[-1] * painter.autoencoder.stride, latents.shape[-2] * painter.autoencoder.stride
    encoded = painter.prompts.encode(prompt, negative, guidance_scale=guidance, shape=shape)
    rows = Conditioning.cat([row for row in (encoded.negative, encoded.positive) if row is not None])
    timesteps = timesteps_of(painter, scheduler, steps, latents)
    latents = latents * getattr(scheduler, "init_noise_sigma", 1.0)
    for timestep in timesteps:
        given = latents
        if hasattr(scheduler, "scale_model_input"):
            given = scheduler.scale_model_input(latents, timestep)
        predicted = denoiser.predict(given.repeat(rows.rows, 1, 1, 1), timestep.float().repeat(rows.rows), rows)
        if encoded.guided:
            unconditional, conditional = predicted.chunk(2)
            predicted = unconditional + guidance * (conditional - unconditional)
        latents = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
    return latents
