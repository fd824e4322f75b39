"""A pool of the teacher's guided ways from noise to picture, renewed bit by bit.

Each way costs many passes of the teacher, so each is used several times before a fresh one takes its place.
Knows the flow and its guidance. Does not know the student.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from torch import Tensor

SUBSTEPS = 3
"""Euler steps of the teacher for one of the student."""


@dataclass(frozen=True)
class Prompts:
    """Hidden states (B, L, width) and mask (B, L) of captions, and of the empty prompt (1, L, width) and (1, L)."""

    states: Tensor
    mask: Tensor
    empty_states: Tensor
    empty_mask: Tensor


def velocity(model: SanaTransformer2DModel, x: Tensor, sigma: Tensor, states: Tensor, mask: Tensor) -> Tensor:
    """The predicted velocity `noise - latents` (B, 8, 16, 16) of latents at noise levels (B,) in 0-1."""
    output = model(
        x, encoder_hidden_states=states, encoder_attention_mask=mask, timestep=sigma * 1000, return_dict=False
    )
    return output[0].float()


def guided(model: SanaTransformer2DModel, x: Tensor, sigma: float, prompts: Prompts, scale: float) -> Tensor:
    """Velocity with classifier-free guidance (arXiv 2207.12598): both rows in one pass."""
    count = len(x)
    states = torch.cat([prompts.empty_states.expand(count, -1, -1), prompts.states])
    mask = torch.cat([prompts.empty_mask.expand(count, -1), prompts.mask])
    levels = torch.full((2 * count,), sigma, device=x.device)
    without, with_prompt = velocity(model, torch.cat([x, x]), levels, states, mask).chunk(2)
    return without + scale * (with_prompt - without)


@torch.no_grad()
def roll_out(
    teacher: SanaTransformer2DModel, noise: Tensor, grid: list[float], prompts: Prompts, scale: float
) -> Tensor:
    """Where the teacher's guided flow is at each noise level of `grid`: (B, len(grid), 8, 16, 16).

    `grid` falls from near 1 to 0; between two of its levels are SUBSTEPS Euler steps.
    """
    points, x = [noise], noise
    for upper, lower in pairwise(grid):
        for k in range(SUBSTEPS):
            sigma = upper + (lower - upper) * k / SUBSTEPS
            x = x + (lower - upper) / SUBSTEPS * guided(teacher, x, sigma, prompts, scale)
        points.append(x)
    return torch.stack(points, 1)
