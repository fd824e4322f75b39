"""Stable Diffusion 1.x, 2.x (arXiv 2112.10752) and XL (arXiv 2307.01952): a UNet with cross-attention to CLIP."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers.loaders.lora_pipeline import StableDiffusionXLLoraLoaderMixin
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from services.diffusion.families.base import LORA_READING, Denoiser, LoraFile
from services.diffusion.families.clip import ClipTower
from services.diffusion.folder import FolderRefused
from services.diffusion.prompts import Conditioning, Towers

TIME_IDS = 6
"""Numbers about the picture's size that XL takes; its refiner takes five."""


class StableDiffusion(Denoiser):
    """The UNet of 1.x and 2.x."""

    component = "unet"
    network_class = UNet2DConditionModel
    lora_reader = StableDiffusionXLLoraLoaderMixin  # the same for all; it also knows XL's numbering of blocks
    texts: ClassVar[Mapping[str, Any]] = {"text_encoder": CLIPTextModel}
    gpu_dtype = torch.float16
    steps = 30
    guidance_scale = 7.5
    takes_more = ("addition_embed_type", "class_embed_type", "time_cond_proj_dim", "encoder_hid_dim_type")
    """What of the network's configuration is not set where a prompt is all that it needs."""

    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        return ClipTower(texts["tokenizer"], texts["text_encoder"], masks_padding=False)

    def widths(self) -> Mapping[str, int]:
        return {"states": self.network.config.cross_attention_dim}

    def check(self) -> None:
        super().check()
        for name in self.takes_more:
            if getattr(self.network.config, name, None) is not None:
                raise FolderRefused(f"The UNet needs more than a prompt ({name} is set), which is not supported.")

    def read_lora(self, path: Path) -> LoraFile:
        return LoraFile(*self.lora_reader.lora_state_dict(path, unet_config=self.network.config, **LORA_READING))

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        states = self.cast(conditioning.inputs["states"])
        added = {name: self.cast(value) for name, value in conditioning.inputs.items() if name != "states"}
        output = self.network(self.cast(latents), timesteps, states, added_cond_kwargs=added or None, return_dict=False)
        return output[0].float()


class StableDiffusionXL(StableDiffusion):
    """The UNet of XL, which is also told the text as one vector, and the picture's size."""

    texts: ClassVar[Mapping[str, Any]] = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    guidance_scale = 5.0
    takes_more = ("class_embed_type", "time_cond_proj_dim", "encoder_hid_dim_type")

    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        return XLTowers(texts, zeroes_empty=bool(options.get("force_zeros_for_empty_prompt", True)))

    def widths(self) -> Mapping[str, int]:
        config = self.network.config
        sizes = TIME_IDS * config.addition_time_embed_dim
        return {
            "states": config.cross_attention_dim,
            "text_embeds": config.projection_class_embeddings_input_dim - sizes,
        }

    def check(self) -> None:
        super().check()
        if self.network.config.addition_embed_type != "text_time":
            raise FolderRefused("The UNet takes no second text, but there is a second text encoder.")


class XLTowers(Towers):
    """Two CLIPs side by side; the second one also gives the vector."""

    def __init__(self, texts: Mapping[str, Any], *, zeroes_empty: bool) -> None:
        super().__init__(texts["tokenizer"], int(texts["tokenizer"].model_max_length))
        self.zeroes_empty = zeroes_empty
        self.device = texts["text_encoder"].device
        pipeline_class: Any = StableDiffusionXLPipeline
        self.pipeline = pipeline_class(vae=None, unet=None, scheduler=None, add_watermarker=False, **texts)

    def row(self, text: str) -> Conditioning:
        states, _, vector, _ = self.pipeline.encode_prompt(text, device=self.device, do_classifier_free_guidance=False)
        return Conditioning({"states": states, "text_embeds": vector})

    def completed(self, row: Conditioning, guidance_scale: float, shape: tuple[int, int]) -> Conditioning:
        """With the picture's size: as if the original had that size too, and nothing was cropped."""
        width, height = shape
        sizes = torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32, device=self.device)
        return Conditioning({**row.inputs, "time_ids": sizes})
