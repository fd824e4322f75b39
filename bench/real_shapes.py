"""Painters in the shapes of Stable Diffusion 1.5 and XL with random weights, written as diffusers writes pipelines.

Weights do not matter for time. `tiny` is the same with few channels, to rehearse a bench where there is no GPU.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from bench.engine_models import saved
from tests.services.diffusion.tiny import tokenizer

TOKENS = 77


@dataclass(frozen=True)
class Sizes:
    """What differs between the real shape and the tiny one."""

    unit: int
    """Channels of the UNet's and the autoencoder's first stage are 320 and 128 of 320 of it."""
    text: int
    """Width of the first text tower; the second one's is 5/3 of it."""
    layers: int
    """Of the first text tower."""
    groups: int
    """Of the normalisations."""

    @property
    def second_text(self) -> int:
        return self.text * 5 // 3


REAL, TINY = Sizes(320, 768, 12, 32), Sizes(80, 96, 1, 16)


def stable_diffusion(home: Path, side: int, *, tiny: bool) -> Path:
    """The UNet of 860 million parameters, guided by one tower. `side`: of its pictures, in pixels."""
    sizes = TINY if tiny else REAL
    unet = UNet2DConditionModel(
        sample_size=side // 8,
        block_out_channels=(sizes.unit, 2 * sizes.unit, 4 * sizes.unit, 4 * sizes.unit),
        cross_attention_dim=sizes.text,
        norm_num_groups=sizes.groups,
    )
    letters = words(home)
    pipeline = StableDiffusionPipeline(
        tokenizer=letters,
        text_encoder=CLIPTextModel(tower(len(letters), sizes.text, sizes.layers)),
        unet=unet,
        vae=autoencoder(sizes),
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return saved(pipeline.to(torch.float16), home / "sd15", side, guidance=1.0)


def stable_diffusion_xl(home: Path, side: int, *, tiny: bool) -> Path:
    """The UNet of 2.6 billion parameters, guided by two towers."""
    sizes = TINY if tiny else REAL
    unet = UNet2DConditionModel(
        sample_size=side // 8,
        block_out_channels=(sizes.unit, 2 * sizes.unit, 4 * sizes.unit),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 1) if tiny else (1, 2, 10),
        attention_head_dim=(5, 10, 20),  # heads, in spite of its name
        cross_attention_dim=sizes.text + sizes.second_text,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=6 * 256 + sizes.second_text,
        norm_num_groups=sizes.groups,
    )
    letters = words(home)
    second = tower(len(letters), sizes.second_text, sizes.layers * 8 // 3)
    pipeline = StableDiffusionXLPipeline(
        tokenizer=letters,
        tokenizer_2=letters,
        text_encoder=CLIPTextModel(tower(len(letters), sizes.text, sizes.layers)),
        text_encoder_2=CLIPTextModelWithProjection(second),
        unet=unet,
        vae=autoencoder(sizes),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"),
        add_watermarker=False,
    )
    return saved(pipeline.to(torch.float16), home / "sdxl", side, guidance=5.0)


def words(home: Path) -> CLIPTokenizer:
    letters = tokenizer(home / "words")
    letters.model_max_length = TOKENS
    return letters


def tower(vocabulary: int, width: int, layers: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        projection_dim=width,
        intermediate_size=4 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=TOKENS,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
    )


def autoencoder(sizes: Sizes) -> AutoencoderKL:
    first = sizes.unit * 2 // 5
    return AutoencoderKL(
        block_out_channels=(first, 2 * first, 4 * first, 4 * first),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=sizes.groups,
    )
