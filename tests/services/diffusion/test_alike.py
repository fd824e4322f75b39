"""What keeps a row's bits the same beside others, on a CPU."""

import copy
import os
import subprocess
import sys

import pytest
import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import nn

from services.diffusion.alike import SMALL, OrderedLinear, compute_alike
from shared.settings import ROOT

HALVES = [torch.bfloat16] * torch.ops.mkldnn._is_mkldnn_bf16_supported()
FORMATS = [torch.float32, *HALVES]


def layers():
    """Of each kind, and such that torch itself would give a lone row to another library."""
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "patches": nn.Conv2d(8, 64, 2, stride=2),
            "windows": nn.Conv2d(8, 24, 3, padding=1),
            "dilated": nn.Conv2d(8, 24, (3, 1), padding=(2, 0), dilation=2),
            "grouped": nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
            "points": nn.Conv2d(8, 24, 1),
            "strided points": nn.Conv2d(8, 24, 1, stride=2),
            "matrix": nn.Linear(16, 40),
            "matrix without bias": nn.Linear(16, 40, bias=False),
        }
    )


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("name", layers())
@torch.inference_mode()
def test_a_layer_gives_a_lone_row_the_bits_that_it_has_beside_others(name, dtype):
    layer = layers().requires_grad_(False)[name].to(dtype)
    usual = copy.deepcopy(layer)
    compute_alike(layer)
    for side in (16, 8, 16):  # one size, then another, then the first again
        rows = torch.randn(12, 8, side, 16).to(dtype)
        together = layer(rows)
        assert torch.equal(torch.cat([layer(row) for row in rows.split(1)]), together)
        torch.testing.assert_close(together, usual(rows), atol=0.02 if dtype == torch.bfloat16 else 1e-5, rtol=0.02)


@pytest.mark.parametrize("dtype", FORMATS)
@torch.inference_mode()
def test_the_embedded_painters_rows_are_alike_in_batches_of_all_sizes(dtype):
    folder = ROOT / "models" / "painter" / "transformer"
    network = SanaTransformer2DModel.from_pretrained(folder, torch_dtype=dtype).eval()
    compute_alike(network)
    shape, width = (8, network.config.sample_size, network.config.sample_size), network.config.caption_channels
    given = {
        "hidden_states": torch.randn(6, *shape).to(dtype),
        "encoder_hidden_states": torch.randn(6, 32, width).to(dtype),
        "timestep": torch.linspace(990, 10, 6),
        "encoder_attention_mask": torch.ones(6, 32),
    }
    rows = [{name: part[row : row + 1] for name, part in given.items()} for row in range(6)]
    alone = torch.cat([network(**row).sample for row in rows])
    for count in range(2, 7):
        assert torch.equal(network(**{name: part[:count] for name, part in given.items()}).sample, alone[:count])


@torch.inference_mode()
def test_a_unets_first_layer_gives_a_lone_row_the_bits_that_it_has_beside_another(stable_diffusion_folder):
    network = UNet2DConditionModel.from_pretrained(stable_diffusion_folder / "unet").eval()
    two = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    compute_alike(network)
    assert torch.equal(network.conv_in(two[:1]), network.conv_in(two)[:1])


def test_large_layers_and_formats_that_are_not_ours_stay_as_they_are():
    large = nn.Linear(1024, SMALL // 1024 + 1).bfloat16()
    network = nn.ModuleList(
        [large, nn.Linear(4, 4), nn.Linear(4, 4).half(), nn.Conv2d(4, 4, 3, padding_mode="circular")]
    )
    compute_alike(network)
    assert [type(module) for module in network] == [nn.Linear, nn.Linear, nn.Linear, nn.Conv2d]


def test_small_matrices_in_bfloat16_have_their_weights_in_order_where_a_processor_computes_in_it():
    network = nn.Linear(4, 4).bfloat16()
    compute_alike(network)
    assert type(network) is (OrderedLinear if HALVES else nn.Linear)


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
