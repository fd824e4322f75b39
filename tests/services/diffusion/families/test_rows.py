"""A batch whose rows stand at different steps of different prompts, for every family."""

import pytest
import torch

from services.diffusion.prompts import Conditioning
from tests.services.diffusion.families.conftest import PIPELINES

PROMPTS = ("an orange cat", "a dog", "")


@pytest.fixture(params=["stable diffusion", "sana", *PIPELINES])
def painter(request, painter_of, stable_diffusion, sana):
    small = {"stable diffusion": stable_diffusion, "sana": sana}
    return small[request.param].model if request.param in small else painter_of(request.param)


@torch.inference_mode()
def test_each_row_of_a_batch_is_as_it_is_alone(painter):
    denoiser = painter.usual.denoiser
    rows = [
        painter.prompts.encode(text, None, guidance_scale=1.5 + number, shape=(64, 64)).positive
        for number, text in enumerate(PROMPTS)
    ]
    timesteps = torch.tensor([901.0, 3.25, 444.5])
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn((3, denoiser.latent_channels, 16, 20), generator=generator)

    together = denoiser.predict(latents, timesteps, Conditioning.cat(rows))

    assert together.shape == latents.shape
    assert together.dtype == torch.float32
    for number, row in enumerate(rows):
        one = slice(number, number + 1)
        alone = denoiser.predict(latents[one], timesteps[one], row)
        torch.testing.assert_close(together[one], alone, atol=1e-5, rtol=0)
        elsewhen = denoiser.predict(latents[one], timesteps[one] + 50, row)
        assert (elsewhen - alone).abs().max() > 1e-4
        otherwise = denoiser.predict(latents[one], timesteps[one], rows[number - 1])
        assert (otherwise - alone).abs().max() > 1e-4
