"""Small painters of random weights for bench.engine, written as diffusers writes pipelines."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from tests.services.diffusion.tiny import (
    T5_WIDTH,
    TEXT_WIDTH,
    projecting_tower,
    t5_tokenizer,
    t5_tower,
    text_tower,
    tokenizer,
)

STEPS = 20


def autoencoder(channels: int, stages: int) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * stages,
        up_block_types=("UpDecoderBlock2D",) * stages,
        block_out_channels=(8,) * stages,
        norm_num_groups=4,
        latent_channels=channels,
        shift_factor=0.0,
        layers_per_block=1,
    )


def small_unet(home: Path) -> Path:
    """0.8 million parameters, 8 × 8 latents."""
    torch.manual_seed(0)
    letters = tokenizer(home / "words")
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 56),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    pipeline = StableDiffusionPipeline(
        tokenizer=letters,
        text_encoder=text_tower(len(letters)),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        unet=unet,
        vae=autoencoder(4, 4),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return saved(pipeline, home / "unet-0.8m", 64)


def small_dit(home: Path) -> Path:
    """A diffusion transformer of 2.9 million parameters, 64 tokens a picture and 40 of text."""
    torch.manual_seed(0)
    letters = tokenizer(home / "words")
    transformer = SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=5,
        attention_head_dim=32,
        num_attention_heads=4,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=128,
        pooled_projection_dim=2 * TEXT_WIDTH,
        pos_embed_max_size=16,
    )
    towers, pieces = [projecting_tower(len(letters)) for _ in range(2)], t5_tokenizer()
    pipeline = StableDiffusion3Pipeline(
        tokenizer=letters,
        tokenizer_2=letters,
        tokenizer_3=pieces,
        text_encoder=towers[0],
        text_encoder_2=towers[1],
        text_encoder_3=t5_tower(len(pieces)),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        transformer=transformer,
        vae=autoencoder(4, 4),
    )
    return saved(pipeline, home / "dit-2.9m", 128)


def saved(pipeline: Any, folder: Path, size: int, guidance: float = 1.0) -> Path:
    pipeline.save_pretrained(folder)
    (folder / "diptych.json").write_text(json.dumps({"size": size, "steps": STEPS, "guidance_scale": guidance}))
    return folder
