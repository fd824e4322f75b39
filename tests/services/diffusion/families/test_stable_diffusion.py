"""Stable Diffusion XL against diffusers' own pipeline."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline

from services.diffusion.folder import FolderRefused
from services.diffusion.loading import load
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.families.conftest import xl_unet
from tests.services.diffusion.families.loop import denoised, noise

PROMPT = "an orange cat"


def theirs(folder, latents, *, negative, guidance):
    pipeline = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        PROMPT,
        negative_prompt=negative,
        width=80,
        height=64,
        num_inference_steps=5,
        guidance_scale=guidance,
        latents=latents,
        output_type="latent",
    ).images


@pytest.mark.parametrize(("guidance", "negative"), [(1.0, None), (6.5, "blue"), (6.5, "")])
def test_xl_agrees_with_its_pipeline(xl, xl_folder, guidance, negative):
    latents = noise(xl, 80, 64)

    ours = denoised(xl, latents, prompt=PROMPT, negative=negative, steps=5, guidance=guidance)

    expected = theirs(xl_folder, latents, negative=negative or None, guidance=guidance)
    assert expected.std() > 0.01
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=0)


def test_no_negative_prompt_is_zeros_for_xl_and_not_an_encoded_empty_text(xl):
    def negative(text: str) -> torch.Tensor:
        prompt = xl.prompts.encode(PROMPT, text, guidance_scale=5.0, shape=(64, 64))
        return prompt.negative.inputs["states"]

    assert not negative("").any()
    assert negative("blue").any()


def test_xl_is_told_the_size_of_the_picture(xl):
    wide = xl.prompts.encode(PROMPT, None, guidance_scale=5.0, shape=(80, 64)).positive
    assert wide.inputs["time_ids"].tolist() == [[64, 80, 0, 0, 64, 80]]


def test_a_network_of_fewer_sizes_as_the_refiners_is_refused(xl_folder, tmp_path):
    folder = Path(shutil.copytree(xl_folder, tmp_path / "refiner"))
    xl_unet(time_ids=5).save_pretrained(folder / "unet")
    with pytest.raises(FolderRefused, match="as its text_embeds"):
        load(DiffusionSettings(diffusion_model=folder))
