"""The denoising loop against diffusers' own pipelines, on tiny random models."""

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    EulerDiscreteScheduler,
)
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from services.diffusion.painter import Painter
from shared.jobs import GenerateImage

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture
def latents_of(monkeypatch):
    """A function that paints and gives back what was decoded."""

    def paint(painter: Painter, request: GenerateImage) -> torch.Tensor:
        seen = []
        decode = painter.model.autoencoder.decode
        with monkeypatch.context() as patch:
            patch.setattr(painter.model.autoencoder, "decode", lambda latents: seen.append(latents) or decode(latents))
            list(painter.paint(request))
        return seen[0]

    return paint


def noise(request: GenerateImage, *shape: int) -> tuple[torch.Tensor, torch.Generator]:
    generator = torch.Generator().manual_seed(request.seed)
    return torch.randn(shape, generator=generator), generator


@pytest.mark.parametrize(
    "scheduler",
    [
        DDIMScheduler,
        EulerDiscreteScheduler,
    ],
)
@pytest.mark.parametrize("guidance", [1.0, 6.5])
def test_the_loop_agrees_with_stable_diffusions_pipeline(  # noqa: PLR0917
    stable_diffusion, stable_diffusion_folder, latents_of, with_scheduler, scheduler, guidance
):
    pipeline = StableDiffusionPipeline.from_pretrained(stable_diffusion_folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    painter = with_scheduler(stable_diffusion, pipeline.scheduler)
    request = GenerateImage(
        prompt="an orange cat", seed=7, steps=5, guidance_scale=guidance, negative_prompt="blue", width=80, height=64
    )
    latents, generator = noise(request, 1, 4, 32, 40)

    ours = latents_of(painter, request)

    theirs = pipeline(
        request.prompt,
        negative_prompt="blue",
        width=80,
        height=64,
        num_inference_steps=5,
        guidance_scale=guidance,
        latents=latents,
        generator=generator,
        output_type="latent",
    ).images
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("guidance", [0.0, 3.0])
def test_the_loop_agrees_with_sanas_pipeline(sana, sana_folder, latents_of, guidance):
    pipeline = SanaPipeline.from_pretrained(sana_folder)
    pipeline.set_progress_bar_config(disable=True)
    request = GenerateImage(prompt="an orange cat", seed=7, steps=5, guidance_scale=guidance, negative_prompt="blue")
    latents, _ = noise(request, 1, 8, 8, 8)

    ours = latents_of(sana, request)

    theirs = pipeline(
        request.prompt,
        negative_prompt="blue",
        width=64,
        height=64,
        num_inference_steps=5,
        guidance_scale=guidance,
        latents=latents,
        output_type="latent",
        use_resolution_binning=False,
        complex_human_instruction=None,
        max_sequence_length=sana.model.prompts.towers.length,
    ).images
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
