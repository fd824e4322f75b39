"""Between latents and pixels. Knows the autoencoder classes of diffusers; knows nothing of noise."""

from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor

from services.diffusion.folder import FolderRefused
from shared.errors import JobFailed

AUTOENCODERS: dict[str, Any] = {
    "AutoencoderKL": AutoencoderKL,
    "AutoencoderDC": AutoencoderDC,
    "AutoencoderTiny": AutoencoderTiny,
}


class Autoencoder:
    """An autoencoder whose latents are scaled to the variance that the denoiser works with."""

    def __init__(self, network: Any) -> None:
        """Raises FolderRefused for latents that are scaled channel by channel."""
        if getattr(network.config, "latents_mean", None) or getattr(network.config, "latents_std", None):
            raise FolderRefused("The autoencoder's latents are scaled channel by channel, which is not supported.")
        self.network = network
        config = network.config
        blocks = getattr(config, "block_out_channels", None) or config.encoder_block_out_channels
        self.stride = 2 ** (len(blocks) - 1)
        """Pixels per latent cell, each way."""
        self.latent_channels = int(config.latent_channels)
        self.scaling_factor = float(config.scaling_factor)
        self.shift_factor = float(getattr(config, "shift_factor", None) or 0.0)

    @property
    def device(self) -> torch.device:
        return self.network.device

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """Pictures, n × 3 × H × W in -1..1, to latents, n × channels × H/stride × W/stride."""
        encoded = self.network.encode(pixels)
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded[0]
        return (latents - self.shift_factor) * self.scaling_factor

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Latents of one picture, 1 × channels × h × w, to its pixels, H × W × 3.

        Raises:
            JobFailed: the latents are not finite.
        """
        unscaled = latents.to(self.network.dtype) / self.scaling_factor + self.shift_factor
        pixels = self.network.decode(unscaled, return_dict=False)[0][0].float()
        if not torch.isfinite(pixels).all():
            raise JobFailed(
                "The painter's numbers ran out of range. Ask for less guidance or more steps; if this happens with "
                "every prompt, DIPTYCH_DIFFUSION_DTYPE=float32 may help."
            )
        scaled = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
        return scaled.permute(1, 2, 0).cpu().numpy()
