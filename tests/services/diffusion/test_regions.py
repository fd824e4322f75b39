"""Where an edit works: the region around what changes."""

import numpy as np
import pytest
from PIL import Image

from services.diffusion.regions import Region
from services.diffusion.retouching import FEATHER, inward_feather


@pytest.mark.parametrize(
    ("inner", "size", "outer"),
    [
        ((400, 400, 500, 500), (1000, 1000), (350, 350, 550, 550)),  # half its length on each side
        ((0, 0, 100, 100), (1000, 1000), (0, 0, 200, 200)),  # at an edge, all on the other side
        ((950, 950, 1000, 1000), (1000, 1000), (900, 900, 1000, 1000)),
        ((500, 500, 503, 503), (1000, 1000), (469, 469, 533, 533)),  # never less than a few cells
        ((100, 500, 900, 510), (1000, 1000), (0, 255, 1000, 755)),  # never long and thin where there is room
        ((10, 10, 20, 20), (40, 30), (0, 0, 40, 30)),  # all there is
        ((0, 0, 128, 128), (128, 128), (0, 0, 128, 128)),
    ],
)
def test_a_region_has_room_around_it_within_the_picture(inner, size, outer):
    region = Region(*inner).with_context(*size)
    assert region.box == outer


def masked(*box: int) -> Image.Image:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, box)
    return mask


def test_an_edge_fades_inward_only():
    weights = inward_feather(masked(10, 10, 50, 50))
    assert weights[30, :10].max() == weights[30, 50:].max() == 0
    assert np.allclose(weights[30, 10 : 10 + FEATHER], np.arange(1, FEATHER + 1) / FEATHER)
    assert weights[30, 30] == 1


def test_a_thin_mask_is_still_wholly_new_in_its_middle():
    for thickness in range(1, 16):
        weights = inward_feather(masked(5, 20, 60, 20 + thickness))
        assert weights[20 + thickness // 2, 30] == 1
        assert weights[20 : 20 + thickness, 30].min() > 0


def test_a_mask_at_the_pictures_edge_does_not_fade_there():
    weights = inward_feather(masked(0, 0, 64, 32))
    assert weights[0, 0] == weights[0, 63] == 1
    assert weights[31, 30] == 1 / FEATHER
