"""FLUX.1 (github.com/black-forest-labs/flux): a transformer over patches of latents and T5's states."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers.loaders.lora_pipeline import FluxLoraLoaderMixin
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from transformers import CLIPTextModel, T5EncoderModel

from services.diffusion.families.base import LORA_READING, Denoiser, LoraFile
from services.diffusion.prompts import Conditioning, Towers

TIMESCALE = 1000
"""The scheduler's timesteps per unit of the network's time."""


class Flux(Denoiser):
    """The transformer. Guidance is an input of dev; schnell is distilled to do without."""

    component = "transformer"
    network_class = FluxTransformer2DModel
    lora_reader = FluxLoraLoaderMixin
    texts: ClassVar[Mapping[str, Any]] = {"text_encoder": CLIPTextModel, "text_encoder_2": T5EncoderModel}
    gpu_dtype = torch.bfloat16
    even_sigmas = True
    patch = 2

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        self.latent_channels //= self.patch**2
        self.distilled_guidance = bool(network.config.guidance_embeds)
        self.steps, self.guidance_scale = (28, 3.5) if self.distilled_guidance else (4, 1.0)

    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        return FluxTowers(texts, takes_guidance=self.distilled_guidance)

    def widths(self) -> Mapping[str, int]:
        config = self.network.config
        return {"states": config.joint_attention_dim, "vector": config.pooled_projection_dim}

    def read_lora(self, path: Path) -> LoraFile:
        return LoraFile(*self.lora_reader.lora_state_dict(path, return_alphas=True, **LORA_READING))

    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        states = self.cast(conditioning.inputs["states"])
        height, width = (side // self.patch for side in latents.shape[-2:])
        output = self.network(
            hidden_states=self.cast(pixel_unshuffle(latents, self.patch).flatten(2).transpose(1, 2)),
            encoder_hidden_states=states,
            pooled_projections=self.cast(conditioning.inputs["vector"]),
            timestep=timesteps / TIMESCALE,
            guidance=conditioning.inputs.get("guidance"),
            txt_ids=torch.zeros(states.shape[1], 3, device=states.device),
            img_ids=positions(height, width, states.device),
            return_dict=False,
        )[0]
        return pixel_shuffle(output.float().transpose(1, 2).unflatten(2, (height, width)), self.patch)


def positions(height: int, width: int, device: torch.device) -> Tensor:
    """Where each patch lies, patches × (0, row, column); made on the device, which need not be waited for."""
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=device),
        torch.arange(width, dtype=torch.float32, device=device),
        indexing="ij",
    )
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1)


class FluxTowers(Towers):
    """T5's states, and CLIP's vector."""

    def __init__(self, texts: Mapping[str, Any], *, takes_guidance: bool) -> None:
        tokenizer = texts["tokenizer_2"]
        super().__init__(tokenizer, min(int(tokenizer.model_max_length), 512 if takes_guidance else 256))
        self.negates = not takes_guidance
        self.device = texts["text_encoder"].device
        pipeline_class: Any = FluxPipeline
        self.pipeline = pipeline_class(transformer=None, vae=None, scheduler=None, **texts)

    def row(self, text: str) -> Conditioning:
        states, vector, _ = self.pipeline.encode_prompt(text, device=self.device, max_sequence_length=self.length)
        return Conditioning({"states": states, "vector": vector})

    def completed(self, row: Conditioning, guidance_scale: float, shape: tuple[int, int]) -> Conditioning:
        if self.negates:
            return row
        scale = torch.full((row.rows,), guidance_scale, dtype=torch.float32, device=self.device)
        return Conditioning({**row.inputs, "guidance": scale})
