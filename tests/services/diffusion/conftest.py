"""Tiny painters of the supported families, of random weights, in the folder layouts of the real ones."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from services.diffusion.painter import Painter
from services.diffusion.schedules import Sampler
from services.diffusion.settings import DiffusionSettings

TEXT_WIDTH = 32
TOKENS = 16


def tokenizer(folder: Path) -> CLIPTokenizer:
    """A byte-level CLIP tokenizer from `vocab.json` and `merges.txt`, which is how Stable Diffusion's come."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)


def text_tower(vocabulary: int) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
    )
    return CLIPTextModel(config).eval()


def stable_diffusion_networks() -> dict[str, Any]:
    """Networks of the Stable Diffusion 1.x layout, 64 pixels, stride 2."""
    unet = UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=8,
    )
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(16, 16),
        norm_num_groups=8,
        latent_channels=4,
    )
    return {"unet": unet, "vae": autoencoder}


def sana_networks() -> dict[str, Any]:
    """Networks of the embedded painter's layout, 64 pixels, stride 8 and patches of 2."""
    transformer = SanaTransformer2DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=TEXT_WIDTH,
        sample_size=8,
        patch_size=2,
        interpolation_scale=1,
    )
    autoencoder = AutoencoderDC(
        latent_channels=8,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=(16, 16, 16, 16),
        decoder_block_out_channels=(16, 16, 16, 16),
        encoder_layers_per_block=(0, 1, 1, 1),
        decoder_layers_per_block=(0, 1, 1, 1),
        encoder_qkv_multiscales=((), (), (), ()),
        decoder_qkv_multiscales=((), (), (), ()),
    )
    return {"transformer": transformer, "vae": autoencoder}


def flow_scheduler() -> DPMSolverMultistepScheduler:
    return DPMSolverMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0)


@pytest.fixture(scope="session")
def stable_diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    home = tmp_path_factory.mktemp("painters")
    words = tokenizer(home / "words")
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    pipeline = StableDiffusionPipeline(
        tokenizer=words,
        text_encoder=text_tower(len(words)),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **stable_diffusion_networks(),
    )
    pipeline.save_pretrained(home / "tiny-sd")
    return home / "tiny-sd"


@pytest.fixture(scope="session")
def sana_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    home = tmp_path_factory.mktemp("painters")
    words = tokenizer(home / "words")
    pipeline = SanaPipeline(
        tokenizer=words, text_encoder=text_tower(len(words)), scheduler=flow_scheduler(), **sana_networks()
    )
    pipeline.save_pretrained(home / "tiny-sana")
    (home / "tiny-sana" / "diptych.json").write_text('{"steps": 6, "guidance_scale": 3.0, "size": 64}')
    return home / "tiny-sana"


@pytest.fixture(scope="session")
def distilled_folder(sana_folder, tmp_path_factory) -> Path:
    """The tiny Sana with a second denoiser for few steps."""
    torch.manual_seed(3)
    folder = Path(shutil.copytree(sana_folder, tmp_path_factory.mktemp("painters") / "tiny-distilled"))
    sana_networks()["transformer"].save_pretrained(folder / "transformer_fast")
    DPMSolverMultistepScheduler.from_config(flow_scheduler().config, solver_order=1).save_pretrained(
        folder / "scheduler_fast"
    )
    (folder / "diptych.json").write_text(
        '{"steps": 6, "guidance_scale": 3.0, "size": 64, "fast": {"steps": 3, "guidance_scale": 1.0}}'
    )
    return folder


@pytest.fixture(scope="session")
def loaded_from(tmp_path_factory):
    """A function that loads the painter of a folder, in float32; what is measured of the machine is measured once."""
    data = tmp_path_factory.mktemp("data")

    def load(folder: Path, **settings: Any) -> Painter:
        usual = {"diffusion_dtype": "float32", "diffusion_threads": 1, "data": data}
        return Painter.from_settings(DiffusionSettings(diffusion_model=folder, **(usual | settings)))

    return load


@pytest.fixture(scope="session")
def distilled(distilled_folder, loaded_from) -> Painter:
    return loaded_from(distilled_folder)


@pytest.fixture(scope="session")
def stable_diffusion(stable_diffusion_folder, loaded_from) -> Painter:
    return loaded_from(stable_diffusion_folder)


@pytest.fixture(scope="session")
def sana(sana_folder, loaded_from) -> Painter:
    return loaded_from(sana_folder)


@pytest.fixture(scope="session")
def with_scheduler():
    """A function that gives a painter another scheduler."""

    def change(painter: Painter, scheduler: Any) -> Painter:
        usual = replace(painter.model.usual, sampler=Sampler(scheduler))
        return Painter(replace(painter.model, usual=usual), painter.settings)

    return change
