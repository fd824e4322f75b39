"""Stable Diffusion 3 against diffusers' own pipeline, with its T5 and without."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import StableDiffusion3Pipeline

from services.diffusion.folder import FolderRefused
from services.diffusion.loading import load
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.families.loop import denoised, noise
from tests.services.diffusion.tiny import T5_TOKENS

PROMPT = "an orange cat"


@pytest.fixture
def pipeline(sd3_folder, sd3_name) -> StableDiffusion3Pipeline:
    absent = {"text_encoder_3": None, "tokenizer_3": None} if sd3_name == "sd3 without T5" else {}
    found = StableDiffusion3Pipeline.from_pretrained(sd3_folder, **absent)
    found.set_progress_bar_config(disable=True)
    return found


@pytest.mark.parametrize(("guidance", "negative"), [(1.0, None), (6.5, "blue"), (6.5, "")])
def test_sd3_agrees_with_its_pipeline(sd3, pipeline, guidance, negative):
    latents = noise(sd3, 80, 64)

    ours = denoised(sd3, latents, prompt=PROMPT, negative=negative, steps=5, guidance=guidance)

    theirs = pipeline(
        PROMPT,
        negative_prompt=negative,
        width=80,
        height=64,
        num_inference_steps=5,
        guidance_scale=guidance,
        latents=latents,
        max_sequence_length=T5_TOKENS if pipeline.text_encoder_3 else 256,
        output_type="latent",
    ).images
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_the_pixels_of_shifted_latents_of_16_channels_agree_too(sd3, pipeline):
    latents = noise(sd3, 64, 64)

    ours = sd3.autoencoder.decode(latents)

    unscaled = latents / pipeline.vae.config.scaling_factor + pipeline.vae.config.shift_factor
    with torch.inference_mode():
        decoded = pipeline.vae.decode(unscaled, return_dict=False)[0]
    theirs = (pipeline.image_processor.postprocess(decoded, output_type="np")[0] * 255).round()
    assert abs(ours.astype(float) - theirs).max() <= 1
    assert ours.std() > 1


def test_pixels_become_shifted_latents_as_in_the_pipelines_that_edit(sd3, pipeline):
    pixels = torch.rand((1, 3, 32, 48), generator=torch.Generator().manual_seed(1)) * 2 - 1
    vae = pipeline.vae
    with torch.inference_mode():
        mean = vae.encode(pixels).latent_dist.mode()
    theirs = (mean - vae.config.shift_factor) * vae.config.scaling_factor
    torch.testing.assert_close(sd3.autoencoder.encode(pixels), theirs, atol=1e-5, rtol=0)


def test_latents_that_are_scaled_channel_by_channel_are_refused(sd3_folder, tmp_path):
    folder = Path(shutil.copytree(sd3_folder, tmp_path / "copy"))
    config = folder / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"latents_mean": [0.1] * 16}))
    with pytest.raises(FolderRefused, match="scaled channel by channel"):
        load(DiffusionSettings(diffusion_model=folder))


def test_a_picture_is_never_longer_than_the_positions_that_the_network_knows(sd3):
    width, height = sd3.canvas.shape_for(4096, 64)
    assert (width, height) == (96, 8)
    latents = denoised(sd3, noise(sd3, width, height), prompt=PROMPT, negative=None, steps=1, guidance=1.0)
    assert latents.shape[-2:] == (4, 48)


def test_what_t5_reads_of_a_prompt_counts_where_there_is_one(sd3):
    prompt = sd3.prompts.encode("cat " * 5, "blue", guidance_scale=5.0, shape=(64, 64))
    if sd3.prompts.towers.pipeline.text_encoder_3 is None:  # a token per letter, one to begin and one to end, of 16
        assert (prompt.tokens, prompt.tokens_dropped) == (16 + 6, 1)
    else:  # a token per letter and one before each word, one to end, of 24
        assert (prompt.tokens, prompt.tokens_dropped) == (5 * 4 + 1 + 6, 0)
