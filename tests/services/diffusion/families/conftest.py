"""Tiny painters of the larger families, of random weights, in the folder layouts of the real ones."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler

from services.diffusion.loaded import LoadedPainter
from services.diffusion.loading import load
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.tiny import (
    T5_WIDTH,
    TEXT_WIDTH,
    projecting_tower,
    t5_tokenizer,
    t5_tower,
    text_tower,
    tokenizer,
)


def autoencoder(channels: int) -> AutoencoderKL:
    """Of stride 2, with latents that are shifted as well as scaled where they have more than 4 channels."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(16, 16),
        norm_num_groups=8,
        latent_channels=channels,
        shift_factor=0.11 if channels > 4 else None,
        scaling_factor=0.36,
        use_quant_conv=channels == 4,
        use_post_quant_conv=channels == 4,
    )


def xl_unet(time_ids: int = 6) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=time_ids * 8 + TEXT_WIDTH,
    )


def xl_pipeline(home: Path) -> StableDiffusionXLPipeline:
    words = tokenizer(home / "words")
    return StableDiffusionXLPipeline(
        tokenizer=words,
        tokenizer_2=words,
        text_encoder=text_tower(len(words)),
        text_encoder_2=projecting_tower(len(words)),
        unet=xl_unet(),
        vae=autoencoder(4),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", steps_offset=1, timestep_spacing="leading"),
        add_watermarker=False,
    )


def sd3_pipeline(home: Path, *, with_t5: bool) -> StableDiffusion3Pipeline:
    words, pieces = tokenizer(home / "words"), t5_tokenizer()
    transformer = SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        caption_projection_dim=32,
        pooled_projection_dim=2 * TEXT_WIDTH,
        pos_embed_max_size=24,
        qk_norm="rms_norm",
    )
    nothing: Any = None
    return StableDiffusion3Pipeline(
        tokenizer=words,
        tokenizer_2=words,
        tokenizer_3=pieces if with_t5 else nothing,
        text_encoder=projecting_tower(len(words)),
        text_encoder_2=projecting_tower(len(words)),
        text_encoder_3=t5_tower(len(pieces)) if with_t5 else nothing,
        transformer=transformer,
        vae=autoencoder(16),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
    )


def flux_pipeline(home: Path, *, distilled: bool) -> FluxPipeline:
    words, pieces = tokenizer(home / "words"), t5_tokenizer()
    transformer = FluxTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=TEXT_WIDTH,
        guidance_embeds=distilled,
        axes_dims_rope=(4, 4, 8),
    )
    return FluxPipeline(
        tokenizer=words,
        tokenizer_2=pieces,
        text_encoder=text_tower(len(words)),
        text_encoder_2=t5_tower(len(pieces)),
        transformer=transformer,
        vae=autoencoder(16),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
    )


PIPELINES = {
    "xl": xl_pipeline,
    "sd3": partial(sd3_pipeline, with_t5=True),
    "sd3 without T5": partial(sd3_pipeline, with_t5=False),
    "flux dev": partial(flux_pipeline, distilled=True),
    "flux schnell": partial(flux_pipeline, distilled=False),
}


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a name of PIPELINES to the folder of that painter."""

    @cache
    def saved(name: str) -> Path:
        torch.manual_seed(11)
        home = tmp_path_factory.mktemp("painters")
        PIPELINES[name](home).save_pretrained(home / "tiny")
        (home / "tiny" / "diptych.json").write_text('{"size": 64}')
        return home / "tiny"

    return saved


@pytest.fixture(scope="session")
def painter_of(folder_of) -> Callable[[str], LoadedPainter]:
    """A function from a name of PIPELINES to that painter, loaded."""

    @cache
    def loaded(name: str) -> LoadedPainter:
        return load(DiffusionSettings(diffusion_model=folder_of(name), diffusion_dtype="float32"))

    return loaded


@pytest.fixture
def xl_folder(folder_of) -> Path:
    return folder_of("xl")


@pytest.fixture
def xl(painter_of) -> LoadedPainter:
    return painter_of("xl")


@pytest.fixture(params=["sd3", "sd3 without T5"])
def sd3_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def sd3_folder(folder_of, sd3_name) -> Path:
    return folder_of(sd3_name)


@pytest.fixture
def sd3(painter_of, sd3_name) -> LoadedPainter:
    return painter_of(sd3_name)


@pytest.fixture(params=["flux dev", "flux schnell"])
def flux_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def flux_folder(folder_of, flux_name) -> Path:
    return folder_of(flux_name)


@pytest.fixture
def flux(painter_of, flux_name) -> LoadedPainter:
    return painter_of(flux_name)
