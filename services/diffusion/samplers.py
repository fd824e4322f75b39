"""Samplers as tables of numbers: what one denoise step does with a row, worked out before the first step.

Every sampler here is linear in what it is given, so a step of any of them is the same line of tensor code, and rows
of different samplers, step numbers and noise levels share a batch. A row's x has a signal level a and a noise level s:
x = a·x0 + s·noise. Knows no network, and not which levels a model wants (schedules.py).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]


class Levels(NamedTuple):
    """Signal and noise in x, one entry per step."""

    signal: Numbers
    noise: Numbers


class Path(NamedTuple):
    """The noise levels that a picture passes through in n steps."""

    here: Levels
    """Before each step."""
    there: Levels
    """After each step."""


class Rule(NamedTuple):
    """How each step makes the next x: `of_x·x + of_x0·x0 + of_previous·(x0 of the step before) + of_noise·noise`."""

    of_x: Numbers
    of_x0: Numbers
    of_previous: Numbers
    of_noise: Numbers


@dataclass(frozen=True)
class Schedule:
    """All steps of one picture; float32 on the CPU."""

    timesteps: Tensor
    """What the network is told, n."""
    coefficients: Tensor
    """n × 7: the network's input per x; x0 per x and per output; then the four of Rule."""
    levels: Tensor
    """(n + 1) × 2: signal and noise of x before each step and after the last one."""
    start_scale: float
    """Pure noise times this is the first x."""

    def __len__(self) -> int:
        return len(self.timesteps)

    @property
    def noise_shares(self) -> tuple[float, ...]:
        """The share of x's variance that is noise, before each step and after the last one."""
        signal, noise = self.levels.double().square().unbind(1)
        return tuple(round(share, 4) for share in (noise / (signal + noise)).tolist())

    def draws(self, step: int) -> bool:
        """Whether a step (from 0) needs fresh noise."""
        return float(self.coefficients[step, -1]) != 0.0

    def draws_before(self, step: int) -> int:
        """How many of the first so many steps need fresh noise."""
        return int(self.coefficients[:step, -1].count_nonzero())


def denoised(prediction: str, at: Levels) -> tuple[Numbers, Numbers]:
    """x0 per x and per output of a network that predicts the noise, x0 itself, v (arXiv 2202.00512) or the flow from
    x0 to noise (arXiv 2210.02747)."""
    signal, noise = at
    length = np.hypot(signal, noise)  # 1 where variance is preserved; Euler's x is longer
    if prediction == "epsilon":
        return 1 / signal, -noise / signal
    if prediction == "v_prediction":
        return signal / length**2, -noise / length
    if prediction == "flow_prediction":
        return np.ones_like(noise), -noise
    return np.zeros_like(noise), np.ones_like(noise)  # "sample"


def first_order(path: Path) -> Rule:
    """The straight step from one noise level to the next, with the noise that x has now: DDIM without fresh noise
    (arXiv 2010.02502), and Euler's method on the diffusion ODE (arXiv 2206.00364) and on the flow (arXiv 2403.03206),
    which are the same step in three ways to scale x."""
    kept = path.there.noise / path.here.noise
    none = np.zeros_like(kept)
    return Rule(kept, path.there.signal - kept * path.here.signal, none, none)


def second_order(path: Path, *, straight_end: bool) -> Rule:
    """DPM-Solver++ (2M), arXiv 2211.01095: the step before tells how x0 bends. The first step is straight."""
    rule = first_order(path)
    with np.errstate(divide="ignore"):  # the last level may be free of noise, the first one free of signal
        before, after = (np.log(level.signal) - np.log(level.noise) for level in path)
    length = after - before
    bends = np.zeros_like(length)
    bends[1:] = rule.of_x0[1:] * length[1:] / length[:-1] / 2
    if straight_end:
        bends[-1] = 0
    return rule._replace(of_x0=rule.of_x0 + bends, of_previous=-bends)


def consistency(path: Path, timesteps: Numbers, timestep_scaling: float) -> Rule:
    """Latent Consistency Models, arXiv 2310.04378: jump to x0, then back to the next noise level with fresh noise."""
    data, scaled = 0.5, timesteps * timestep_scaling
    skip, out = data**2 / (scaled**2 + data**2), scaled / np.hypot(scaled, data)
    signal, noise = path.there.signal.copy(), path.there.noise.copy()
    signal[-1], noise[-1] = 1, 0
    return Rule(signal * skip, signal * out, np.zeros_like(skip), noise)


def advance(
    x: Tensor, output: Tensor, previous: Tensor, coefficients: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One step of every row: the next x and the x0 of this step, each rows × channels × h × w.

    Products and sums stay apart, each rounded by itself: a fused one could be rounded otherwise at the end of a batch.

    Args:
        output: of the network, guidance done.
        previous: the x0 of each row's step before.
        coefficients: rows × 7, each row's line of its Schedule.
        noise: fresh noise, where any row draws.
    """
    _, x0_of_x, x0_of_output, of_x, of_x0, of_previous, of_noise = coefficients[:, :, None, None, None].unbind(1)
    x0 = x0_of_x * x + x0_of_output * output
    following = of_x * x + of_x0 * x0 + of_previous * previous
    return (following if noise is None else following + of_noise * noise), x0
