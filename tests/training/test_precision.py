"""training/precision.py: a device computes in the format that it is fastest with."""

import torch

from training.precision import fast_dtype, mixed_precision


def test_gpus_compute_in_bfloat16():
    assert fast_dtype("cuda") is torch.bfloat16


def test_a_cpu_is_measured_once():
    first = fast_dtype("cpu")
    assert [fast_dtype("cpu") for _ in range(1000)] == [first] * 1000
    assert fast_dtype.cache_info().misses <= 2


def test_autocast_follows_what_was_measured_and_can_be_switched_off():
    matrix = torch.ones((4, 4))
    with mixed_precision(torch.device("cpu")):
        assert (matrix @ matrix).dtype is fast_dtype("cpu")
    with mixed_precision(torch.device("cpu"), enabled=False):
        assert (matrix @ matrix).dtype is torch.float32
