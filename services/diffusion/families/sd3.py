"""Stable Diffusion 3 and 3.5 (arXiv 2403.03206): a transformer over picture and text at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers.loaders.lora_pipeline import SD3LoraLoaderMixin
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from torch import Tensor
from transformers import CLIPTextModelWithProjection, T5EncoderModel

from services.diffusion.families.base import LORA_READING, Denoiser, LoraFile
from services.diffusion.prompts import Conditioning, Towers

T5_TOKENS = 256
"""How far T5 reads, which is what the pipeline does where nothing else is asked of it."""


class StableDiffusion3(Denoiser):
    """The transformer, which takes the text as states of every token and as one vector."""

    component = "transformer"
    network_class = SD3Transformer2DModel
    lora_reader = SD3LoraLoaderMixin
    texts: ClassVar[Mapping[str, Any]] = {
        "text_encoder": CLIPTextModelWithProjection,
        "text_encoder_2": CLIPTextModelWithProjection,
        "text_encoder_3": T5EncoderModel,
    }
    optional = frozenset({"text_encoder_3"})
    gpu_dtype = torch.bfloat16
    steps = 28
    guidance_scale = 7.0

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.patch = int(network.config.patch_size)
        self.longest = int(network.config.pos_embed_max_size) * self.patch

    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        return SD3Towers(texts, self.network)

    def widths(self) -> Mapping[str, int]:
        config = self.network.config
        return {"states": config.joint_attention_dim, "vector": config.pooled_projection_dim}

    def read_lora(self, path: Path) -> LoraFile:
        weights, metadata = self.lora_reader.lora_state_dict(path, **LORA_READING)
        return LoraFile(weights, None, metadata)

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        output = self.network(
            hidden_states=self.cast(latents),
            encoder_hidden_states=self.cast(conditioning.inputs["states"]),
            pooled_projections=self.cast(conditioning.inputs["vector"]),
            timestep=timesteps,
            return_dict=False,
        )[0]
        return output.float()


class SD3Towers(Towers):
    """Two CLIPs side by side, and T5 after them; zeros stand for a T5 that is not there."""

    def __init__(self, texts: Mapping[str, Any], transformer: Any) -> None:
        furthest = texts["tokenizer_3"]
        if furthest is None:
            super().__init__(texts["tokenizer"], int(texts["tokenizer"].model_max_length))
        else:
            super().__init__(furthest, min(int(furthest.model_max_length), T5_TOKENS))
        self.device = texts["text_encoder"].device
        self.t5_length = T5_TOKENS if furthest is None else self.length
        pipeline_class: Any = StableDiffusion3Pipeline
        self.pipeline = pipeline_class(transformer=transformer, vae=None, scheduler=None, **texts)

    def row(self, text: str) -> Conditioning:
        states, _, vector, _ = self.pipeline.encode_prompt(
            text,
            text,
            text,
            device=self.device,
            do_classifier_free_guidance=False,
            max_sequence_length=self.t5_length,
        )
        return Conditioning({"states": states, "vector": vector})
