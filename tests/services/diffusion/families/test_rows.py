"""How every family predicts: row by row, whatever stands beside, and without a look at the device's numbers."""

import pytest
import torch

from services.diffusion.loading import load
from services.diffusion.prompts import Conditioning
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.families.conftest import PIPELINES
from tests.services.diffusion.transfers import Transfers, on_meta

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


@torch.inference_mode()
def test_a_prediction_never_waits_for_the_device_nor_sends_it_tensors(painter):
    row = painter.prompts.encode("an orange cat", None, guidance_scale=3.0, shape=(64, 64)).positive
    denoiser = on_meta(painter.usual.denoiser)
    conditioning = Conditioning({name: tensor.to("meta") for name, tensor in row.inputs.items()})
    latents = torch.empty((1, denoiser.latent_channels, 16, 20), device="meta")

    with Transfers() as transfers:
        predicted = denoiser.predict(latents, torch.empty(1, device="meta"), conditioning)

    assert predicted.shape == latents.shape
    assert transfers.seen == []


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", PIPELINES)
@torch.inference_mode()
def test_half_precision_comes_near_and_out_in_float32(folder_of, painter_of, name, dtype):
    half = load(DiffusionSettings(diffusion_model=folder_of(name), diffusion_dtype=dtype))
    generator = torch.Generator().manual_seed(3)
    latents = torch.randn((1, half.usual.denoiser.latent_channels, 16, 16), generator=generator)
    predicted = []
    for painter in (half, painter_of(name)):
        row = painter.prompts.encode("a cat", None, guidance_scale=2.0, shape=(64, 64)).positive
        predicted.append(painter.usual.denoiser.predict(latents, torch.tensor([500.0]), row))
    assert half.usual.denoiser.network.dtype == getattr(torch, dtype)
    assert predicted[0].dtype == torch.float32
    torch.testing.assert_close(*predicted, atol=0.1, rtol=0.05)
