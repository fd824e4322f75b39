"""The painter's shape, and how its parts become one diffusers folder.

Knows modules and the SanaPipeline layout (Sana: arXiv 2410.10629). Does not know data or the loop.
"""

import json
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer

from training.autoencoder import LATENT_CHANNELS
from training.checkpoint import make_readable
from training.clip_tokenizer import MAX_LENGTH
from training.world import CANVAS

WIDTH = 192
LAYERS = 6
HEAD_DIM = 32
LATENT_SIDE = CANVAS // 8
PATCH = 2
"""Latent cells per token side. 64 tokens instead of 256 train four times as fast."""


def build_denoiser(text_width: int) -> SanaTransformer2DModel:
    """An untrained denoiser: (B, 8, 16, 16) latents, (B, L, text_width) prompt states, timesteps 0-1000."""
    return SanaTransformer2DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=WIDTH // HEAD_DIM,
        attention_head_dim=HEAD_DIM,
        num_layers=LAYERS,
        num_cross_attention_heads=WIDTH // HEAD_DIM,
        cross_attention_head_dim=HEAD_DIM,
        cross_attention_dim=WIDTH,
        caption_channels=text_width,
        sample_size=LATENT_SIDE,
        patch_size=PATCH,
        interpolation_scale=1,
    )


def build_scheduler() -> DPMSolverMultistepScheduler:
    """Flow matching: x_t = (1 - sigma) x_0 + sigma noise; the model predicts noise - x_0."""
    return DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)


def load_text_tower(folder: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """CLIP's frozen text tower in fp32, and its tokenizer."""
    tower = CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval().requires_grad_(requires_grad=False)
    return tower, AutoTokenizer.from_pretrained(folder)


def load_autoencoder(folder: Path) -> AutoencoderDC:
    """The frozen autoencoder in fp32."""
    return AutoencoderDC.from_pretrained(folder).eval().requires_grad_(requires_grad=False)


@torch.no_grad()
def prompt_states(tower: CLIPTextModel, tokenizer: CLIPTokenizer, prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Hidden states (B, L, width) and attention mask (B, L), padded to the longest prompt."""
    tokens = tokenizer(prompts, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt").to(
        tower.device
    )
    hidden = tower(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).last_hidden_state
    return hidden, tokens["attention_mask"]


def save_painter(
    folder: Path,
    denoiser: SanaTransformer2DModel,
    autoencoder: AutoencoderDC,
    text: tuple[CLIPTextModel, CLIPTokenizer],
    defaults: dict[str, object],
) -> None:
    """Writes a SanaPipeline folder in fp16, and `diptych.json` with the defaults of a call.

    The modules are rounded to fp16 in place: pass copies.
    """
    pipeline = SanaPipeline(
        tokenizer=text[1],
        text_encoder=text[0].half(),
        vae=autoencoder.half(),
        transformer=denoiser.half(),
        scheduler=build_scheduler(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "diptych.json").write_text(json.dumps(defaults, indent=1) + "\n")
    make_readable(folder)
