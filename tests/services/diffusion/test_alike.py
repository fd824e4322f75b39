"""What keeps a row's bits the same beside others, on a CPU."""

import os
import subprocess
import sys

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from services.diffusion.alike import enter_alike


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
@torch.inference_mode()
def test_patches_of_a_lone_row_have_the_bits_that_they_have_beside_another(monkeypatch):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 64, 2, stride=2), nn.Conv2d(64, 4, 3))
    two = torch.randn(2, 8, 16, 16)
    before = network(two)
    usual_last = network[1](torch.ones(1, 64, 8, 8))
    enter_alike(network)
    assert torch.equal(network[0](two[:1]), network[0](two)[:1])
    torch.testing.assert_close(network(two), before)
    assert torch.equal(network[1](torch.ones(1, 64, 8, 8)), usual_last)


@torch.inference_mode()
def test_a_unets_first_layer_gives_a_lone_row_the_bits_that_it_has_beside_another(stable_diffusion_folder):
    network = UNet2DConditionModel.from_pretrained(stable_diffusion_folder / "unet").eval()
    two = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    enter_alike(network)
    assert torch.equal(network.conv_in(two[:1]), network.conv_in(two)[:1])


def test_another_format_is_embedded_as_before():
    patches = nn.Conv2d(8, 64, 2, stride=2).bfloat16()
    rows = torch.randn(1, 8, 4, 4).bfloat16()
    before = patches(rows)
    enter_alike(patches)
    assert torch.equal(patches(rows), before)


SUMS = """
import sys
import torch
from torch.nn.functional import linear
from services.diffusion.alike import add_up_alike
if sys.argv[1:] == ["alike"]:
    add_up_alike()
torch.manual_seed(0)
torch.set_num_threads(1)
weight, rows = torch.randn(128, 64), torch.randn(16, 64)
whole = linear(rows, weight)
print([torch.equal(linear(rows[:count], weight), whole[:count]) for count in range(2, 16)].count(False))
"""


def test_few_rows_and_many_add_up_alike():
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    ran = subprocess.run(
        [sys.executable, "-c", SUMS, "alike"], capture_output=True, text=True, check=True, env=environment
    )
    assert ran.stdout == "0\n"
