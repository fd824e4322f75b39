"""The denoiser families that can be loaded, and how the network of each is called. Knows nothing of schedulers.

Adding a family: a subclass of Denoiser here, and its line in FAMILIES.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor

from services.diffusion.folder import FolderRefused
from services.diffusion.prompts import Conditioning


class Denoiser(ABC):
    """A denoising network behind one face, whatever it predicts (noise, velocity, flow): that the scheduler knows."""

    component: ClassVar[str]
    """Its folder in the pipeline."""
    network_class: ClassVar[Any]
    masks_padding: ClassVar[bool]
    gpu_dtype: ClassVar[torch.dtype]
    steps: ClassVar[int]
    guidance_scale: ClassVar[float]
    patch: int = 1
    """Latent cells per side of the network's tokens: latent sides must be multiples of it."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.latent_channels = int(network.config.in_channels)
        sample = network.config.sample_size
        self.native_side = int(sample if isinstance(sample, int) else sample[0])
        """Side of the latents that it was trained on."""

    @abstractmethod
    def check(self, text_width: int) -> None:
        """Raise FolderRefused where the network needs more than a prompt's hidden states of this width."""

    @abstractmethod
    def predict(self, latents: Tensor, timestep: Tensor, conditioning: Conditioning) -> Tensor:
        """One forward pass: latents rows × channels × h × w, one timestep for all; the same shape, in float32."""


class StableDiffusion(Denoiser):
    """UNet with cross-attention to CLIP's hidden states (arXiv 2112.10752): Stable Diffusion 1.x and 2.x."""

    component = "unet"
    network_class = UNet2DConditionModel
    masks_padding = False
    gpu_dtype = torch.float16
    steps = 30
    guidance_scale = 7.5

    def check(self, text_width: int) -> None:
        config = self.network.config
        if config.cross_attention_dim != text_width:
            raise FolderRefused(
                f"The UNet attends to text states of width {config.cross_attention_dim}, but the text encoder "
                f"makes them {text_width} wide."
            )
        for name in ("addition_embed_type", "class_embed_type", "time_cond_proj_dim", "encoder_hid_dim_type"):
            if getattr(config, name, None) is not None:
                raise FolderRefused(f"The UNet needs more than a prompt ({name} is set), which is not supported.")
        if config.out_channels != config.in_channels:
            raise FolderRefused("The UNet takes more channels than it gives back: it is for inpainting or editing.")

    def predict(self, latents: Tensor, timestep: Tensor, conditioning: Conditioning) -> Tensor:
        states = conditioning.states.to(self.network.dtype)
        output = self.network(latents.to(self.network.dtype), timestep, states, return_dict=False)[0]
        return output.float()


class Sana(Denoiser):
    """Linear-attention transformer (arXiv 2410.10629), here with a CLIP text encoder: the embedded painter."""

    component = "transformer"
    network_class = SanaTransformer2DModel
    masks_padding = True
    gpu_dtype = torch.bfloat16
    steps = 20
    guidance_scale = 4.5

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.patch = int(network.config.patch_size)

    def check(self, text_width: int) -> None:
        config = self.network.config
        if config.caption_channels != text_width:
            raise FolderRefused(
                f"The transformer attends to text states of width {config.caption_channels}, but the text encoder "
                f"makes them {text_width} wide."
            )
        if config.guidance_embeds:
            raise FolderRefused("The transformer takes its guidance as an input (Sana Sprint), which is not supported.")

    def predict(self, latents: Tensor, timestep: Tensor, conditioning: Conditioning) -> Tensor:
        output = self.network(
            latents.to(self.network.dtype),
            encoder_hidden_states=conditioning.states.to(self.network.dtype),
            encoder_attention_mask=conditioning.mask,
            timestep=timestep.expand(latents.shape[0]) * self.network.config.timestep_scale,
            return_dict=False,
        )[0]
        return output[:, : self.latent_channels].float()  # a learned variance, where there is one, comes after


FAMILIES: dict[str, type[Denoiser]] = {
    "UNet2DConditionModel": StableDiffusion,
    "SanaTransformer2DModel": Sana,
}
