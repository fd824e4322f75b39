"""Sana (arXiv 2410.10629): a linear-attention transformer, here with a CLIP text encoder, as the embedded painter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers.loaders.lora_pipeline import SanaLoraLoaderMixin
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from torch import Tensor
from transformers import CLIPTextModel

from services.diffusion.families.base import LORA_READING, Denoiser, LoraFile
from services.diffusion.families.clip import ClipTower
from services.diffusion.folder import FolderRefused
from services.diffusion.prompts import Conditioning, Towers


class Sana(Denoiser):
    """The transformer, which sees no padding."""

    component = "transformer"
    network_class = SanaTransformer2DModel
    lora_reader = SanaLoraLoaderMixin
    texts: ClassVar[Mapping[str, Any]] = {"text_encoder": CLIPTextModel}
    gpu_dtype = torch.bfloat16
    steps = 20
    guidance_scale = 4.5

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.patch = int(network.config.patch_size)

    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        return ClipTower(texts["tokenizer"], texts["text_encoder"], masks_padding=True)

    def widths(self) -> Mapping[str, int]:
        return {"states": self.network.config.caption_channels}

    def check(self) -> None:
        if self.network.config.guidance_embeds:
            raise FolderRefused("The transformer takes its guidance as an input (Sana Sprint), which is not supported.")

    def read_lora(self, path: Path) -> LoraFile:
        weights, metadata = self.lora_reader.lora_state_dict(path, **LORA_READING)
        return LoraFile(weights, None, metadata)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        output = self.network(
            self.cast(latents),
            encoder_hidden_states=self.cast(conditioning.inputs["states"]),
            encoder_attention_mask=conditioning.inputs["mask"],
            timestep=timesteps * self.network.config.timestep_scale,
            return_dict=False,
        )[0]
        return output[:, : self.latent_channels].float()  # a learned variance, where there is one, comes after
