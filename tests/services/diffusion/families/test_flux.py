"""FLUX.1 against diffusers' own pipeline: guided by an input (dev) and not guided (schnell)."""

import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from torch import Tensor

from services.diffusion.families.flux import positions
from tests.services.diffusion.families.loop import denoised, noise
from tests.services.diffusion.tiny import T5_TOKENS

PROMPT = "an orange cat"


def packed(latents: Tensor) -> Tensor:
    return FluxPipeline._pack_latents(latents, *latents.shape)


@pytest.mark.parametrize(("guidance", "negative"), [(1.0, None), (3.5, "blue")])
def test_flux_agrees_with_its_pipeline(flux, flux_folder, guidance, negative):
    pipeline = FluxPipeline.from_pretrained(flux_folder)
    pipeline.set_progress_bar_config(disable=True)
    latents = noise(flux, 80, 64)

    ours = denoised(flux, latents, prompt=PROMPT, negative=negative, steps=5, guidance=guidance)

    distilled = pipeline.transformer.config.guidance_embeds
    theirs = pipeline(
        PROMPT,
        negative_prompt=None if distilled else negative,
        true_cfg_scale=1.0 if distilled else guidance,
        width=80,
        height=64,
        num_inference_steps=5,
        guidance_scale=guidance,
        latents=packed(latents),
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert theirs.std() > 0.01
    torch.testing.assert_close(packed(ours), theirs, atol=1e-4, rtol=0)


def test_distilled_guidance_is_an_input_of_one_row(flux):
    prompt = flux.prompts.encode(PROMPT, "blue", guidance_scale=3.5, shape=(64, 64))
    distilled = flux.usual.denoiser.distilled_guidance
    assert prompt.guided is not distilled
    assert ("guidance" in prompt.positive.inputs) is distilled
    assert (flux.usual.steps, flux.usual.guidance_scale) == ((28, 3.5) if distilled else (4, 1.0))


def test_patches_lie_where_the_pipeline_puts_them():
    device = torch.device("cpu")
    theirs = FluxPipeline._prepare_latent_image_ids(1, 3, 5, device, torch.float32)
    assert torch.equal(positions(3, 5, device), theirs)
