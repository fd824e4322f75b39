"""A model's schedule: which noise levels its pictures pass through, asked of its diffusers scheduler, and the table of
its sampler's steps along them. Knows no network and no requests.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler

from services.diffusion.samplers import (
    Levels,
    Numbers,
    Path,
    Rule,
    Schedule,
    consistency,
    denoised,
    first_order,
    second_order,
)
from shared.errors import InvalidRequest

FEW_STEPS = 15
"""Below them diffusers' DPM-Solver++ ends with a straight step."""


def levels_in_table(scheduler: Any) -> Path:
    """Of a scheduler that finds the share of signal of each timestep in a table."""
    kept, now = scheduler.alphas_cumprod.double().numpy(), scheduler.timesteps.numpy()
    stride = scheduler.config.num_train_timesteps // scheduler.num_inference_steps
    after = np.append(now[1:], -1) if isinstance(scheduler, LCMScheduler) else now - stride
    reached = np.where(after >= 0, kept[after.clip(0)], float(scheduler.final_alpha_cumprod))
    return Path(variance_preserving(kept[now]), variance_preserving(reached))


def levels_of_sigmas(scheduler: Any) -> Path:
    """Of a scheduler that has n + 1 `sigmas`: the noise per signal, or the noise in a flow."""
    sigmas = scheduler.sigmas.double().numpy()
    if isinstance(scheduler, EulerDiscreteScheduler):
        levels = Levels(np.ones_like(sigmas), sigmas)
    elif isinstance(scheduler, FlowMatchEulerDiscreteScheduler) or scheduler.config.use_flow_sigmas:
        levels = Levels(1 - sigmas, sigmas)
    else:
        levels = variance_preserving(1 / (sigmas**2 + 1))
    return Path(Levels(*(side[:-1] for side in levels)), Levels(*(side[1:] for side in levels)))


def variance_preserving(kept: Numbers) -> Levels:
    """From the share of x's variance that is signal."""
    return Levels(np.sqrt(kept), np.sqrt(1 - kept))


def dpm_solver_rule(scheduler: Any, path: Path, _timesteps: Numbers) -> Rule:
    config = scheduler.config
    if config.solver_order == 1:
        return first_order(path)
    few = config.lower_order_final and len(scheduler.timesteps) < FEW_STEPS
    return second_order(path, straight_end=few or config.euler_at_final or config.final_sigmas_type == "zero")


def straight_rule(_scheduler: Any, path: Path, _timesteps: Numbers) -> Rule:
    return first_order(path)


def consistency_rule(scheduler: Any, path: Path, timesteps: Numbers) -> Rule:
    return consistency(path, timesteps, scheduler.config.timestep_scaling)


PathOf = Callable[[Any], Path]
RuleOf = Callable[[Any, Path, Numbers], Rule]
SAMPLERS: dict[type, tuple[PathOf, RuleOf]] = {
    DDIMScheduler: (levels_in_table, straight_rule),
    DPMSolverMultistepScheduler: (levels_of_sigmas, dpm_solver_rule),
    EulerDiscreteScheduler: (levels_of_sigmas, straight_rule),
    FlowMatchEulerDiscreteScheduler: (levels_of_sigmas, straight_rule),
    LCMScheduler: (levels_in_table, consistency_rule),
}


def tabulated(scheduler: Any, strength: float = 1.0) -> Schedule:
    """The steps of a diffusers scheduler whose timesteps are set.

    Args:
        strength: the share of them that is done, over 0: an edit does only the last ones, at least one.
    """
    path_of, rule_of = SAMPLERS[type(scheduler)]
    count = len(scheduler.timesteps)
    done = slice(count - max(1, min(int(count * strength), count)), None)
    path = Path(*(Levels(*(side[done] for side in levels)) for levels in path_of(scheduler)))
    timesteps = scheduler.timesteps.double().numpy()[done]
    prediction = getattr(scheduler.config, "prediction_type", "flow_prediction")
    # Euler's x grows with its noise, and the network wants it at variance 1.
    sees = 1 / np.hypot(*path.here) if isinstance(scheduler, EulerDiscreteScheduler) else np.ones_like(timesteps)
    columns = sees, *denoised(prediction, path.here), *rule_of(scheduler, path, timesteps)
    levels = np.append(path.here.signal, 1), np.append(path.here.noise, 0)
    return Schedule(
        timesteps=torch.from_numpy(timesteps).float(),
        coefficients=torch.from_numpy(np.stack(columns, axis=1)).float(),
        levels=torch.from_numpy(np.stack(levels, axis=1)).float(),
        start_scale=float(getattr(scheduler, "init_noise_sigma", 1)),
    )


class Sampler:
    """A model's sampler: one of SAMPLERS, in the variant that is tabulated here."""

    def __init__(self, scheduler: Any, *, even_sigmas: bool = False) -> None:
        """`scheduler`: any of diffusers' for latent models. One that is not among SAMPLERS is a way to walk the same
        path, and DPM-Solver++ (2M) walks it instead. `even_sigmas`: begin from evenly spaced sigmas, as Flux does.

        Raises:
            ValueError: it clips x0, as only models of pixels do, or its path is not one of these samplers'.
        """
        self.scheduler, self._even_sigmas = adopted(scheduler), even_sigmas
        self.name = type(self.scheduler).__name__
        self.schedule = lru_cache(maxsize=256)(self._schedule)

    def _schedule(self, steps: int, strength: float, tokens: int) -> Schedule:
        """See `tabulated`. `tokens`: of the picture in the denoiser; some models shift their path by it.

        Raises:
            InvalidRequest: the sampler cannot do that many steps.
        """
        scheduler = type(self.scheduler).from_config(self.scheduler.config)
        shift = {"mu": path_shift(scheduler.config, tokens)} if scheduler.config.get("use_dynamic_shifting") else {}
        even = self._even_sigmas and not scheduler.config.get("use_flow_sigmas")
        count = {"sigmas": np.linspace(1, 1 / steps, steps)} if even else {"num_inference_steps": steps}
        try:
            scheduler.set_timesteps(**count, **shift)
        except ValueError:
            raise InvalidRequest(
                f"This painter's sampler cannot do {steps} steps; leave the number of steps away."
            ) from None
        return tabulated(scheduler, strength)


def adopted(scheduler: Any) -> Any:
    """The same path in a variant that is tabulated here. Raises ValueError."""
    config = scheduler.config
    if config.get("thresholding") or config.get("clip_sample"):
        raise ValueError("it clips what it predicts, as only models that paint pixels do; set clip_sample to false")
    if type(scheduler) in SAMPLERS and type(scheduler) is not DPMSolverMultistepScheduler:
        return scheduler
    if type(scheduler) not in (DPMSolverMultistepScheduler, *scheduler.compatibles):
        raise ValueError(f"supported are {', '.join(known.__name__ for known in SAMPLERS)} and what can stand for them")
    order = min(int(config.get("solver_order", 2)), 2)
    return DPMSolverMultistepScheduler.from_config(
        config, algorithm_type="dpmsolver++", solver_type="midpoint", solver_order=order
    )


def path_shift(config: Any, tokens: int) -> float:
    """How far a flow's path is shifted towards noise for a picture of that many tokens (arXiv 2403.03206, 5.3.2)."""
    slope = (config.max_shift - config.base_shift) / (config.max_image_seq_len - config.base_image_seq_len)
    return config.base_shift + slope * (tokens - config.base_image_seq_len)
