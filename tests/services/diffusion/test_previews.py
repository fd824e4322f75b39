"""The projection from latents to small pictures."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from services.diffusion.previews import MAX_BYTES, Previewer, small_jpeg


class Mixing:
    """An autoencoder whose latents are a known mix of the colours: what the fit must undo."""

    stride = 8
    device = torch.device("cpu")
    mix = torch.tensor([[1.0, 0.5, 0.0], [0.0, -2.0, 0.3], [0.7, 0.0, 1.5], [0.2, 0.2, 0.2]])

    def encode(self, pixels):
        cells = functional.avg_pool2d(pixels, self.stride)
        return torch.einsum("lc,nchw->nlhw", self.mix, cells) + 0.25


@pytest.fixture(scope="module")
def previewer() -> Previewer:
    return Previewer.fitted_to(Mixing())


def seen_by(previewer: Previewer, latents: torch.Tensor) -> np.ndarray:
    (rgb,) = previewer.sights(latents)
    return rgb


def colours(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def test_colours_come_out_as_they_went_in(previewer):
    red_over_blue = torch.zeros(1, 3, 128, 128)
    red_over_blue[0, 0, :64], red_over_blue[0, 2, 64:] = 1, 1

    seen = colours(small_jpeg(seen_by(previewer, Mixing().encode(red_over_blue * 2 - 1))))

    assert seen.shape == (16, 16, 3)
    assert np.abs(seen[:7].mean(axis=(0, 1)) - (255, 0, 0)).max() < 16
    assert np.abs(seen[9:].mean(axis=(0, 1)) - (0, 0, 255)).max() < 16


@pytest.mark.parametrize("side", [8, 64, 128, 200, 256])
def test_noise_of_any_size_stays_within_four_kilobytes(previewer, side):
    noise = torch.randn(1, 4, side, side // 2, generator=torch.Generator().manual_seed(0)) * 3
    jpeg = small_jpeg(seen_by(previewer, noise))
    assert len(jpeg) <= MAX_BYTES
    assert max(Image.open(io.BytesIO(jpeg)).size) <= 128


def test_latents_that_are_not_finite_still_give_a_picture(previewer):
    for value in ("nan", "inf"):
        assert seen_by(previewer, torch.full((1, 4, 8, 8), float(value))).shape == (8, 8, 3)


def test_pictures_that_are_seen_together_look_as_they_do_alone(previewer):
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    together = previewer.sights(latents)
    assert np.array_equal(together, np.concatenate([previewer.sights(each[None]) for each in latents]))
