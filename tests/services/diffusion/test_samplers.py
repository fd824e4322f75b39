"""Each sampler walks as the diffusers scheduler of its name does."""

from typing import Any

import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_pndm import PNDMScheduler
from torch import Tensor

from services.diffusion.samplers import Schedule, advance
from services.diffusion.schedules import Sampler
from shared.errors import InvalidRequest

SCALED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
PLAIN = {"clip_sample": False, **SCALED}
KINDS: dict[str, Any] = {
    "ddim": DDIMScheduler(**PLAIN, steps_offset=1, set_alpha_to_one=False),
    "ddim of v, trailing": DDIMScheduler(**PLAIN, prediction_type="v_prediction", timestep_spacing="trailing"),
    "ddim of x0": DDIMScheduler(**PLAIN, prediction_type="sample"),
    "dpm++": DPMSolverMultistepScheduler(**SCALED),
    "dpm++ of v, karras": DPMSolverMultistepScheduler(**SCALED, prediction_type="v_prediction", use_karras_sigmas=True),
    "dpm++ to the last sigma": DPMSolverMultistepScheduler(**SCALED, final_sigmas_type="sigma_min"),
    "dpm++ of first order": DPMSolverMultistepScheduler(**SCALED, solver_order=1),
    "dpm++ of a flow": DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2
    ),
    "euler": EulerDiscreteScheduler(**SCALED),
    "euler of v, trailing": EulerDiscreteScheduler(
        **SCALED, prediction_type="v_prediction", timestep_spacing="trailing"
    ),
    "flow euler": FlowMatchEulerDiscreteScheduler(),
    "flow euler, shifted": FlowMatchEulerDiscreteScheduler(shift=3.0),
    "lcm": LCMScheduler(),
}


def output(x: Tensor, timestep: Tensor) -> Tensor:
    """Stands for a network: bounded, and different at every timestep."""
    return torch.tanh(x * 0.7 + timestep.float() / 1000)


def walked(scheduler: Any, steps: int, skip: int, x: Tensor) -> Tensor:
    """As diffusers' pipelines call a scheduler."""
    scheduler.set_timesteps(steps)
    if skip and hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skip)
    scales = getattr(scheduler, "scale_model_input", lambda x, _: x)
    random = {"generator": torch.Generator().manual_seed(5)} if isinstance(scheduler, LCMScheduler) else {}
    for timestep in scheduler.timesteps[skip:]:
        x = scheduler.step(output(scales(x, timestep), timestep), timestep, x, return_dict=False, **random)[0]
    return x


def ours(schedule: Schedule, x: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    previous = torch.zeros_like(x)
    for step, timestep in enumerate(schedule.timesteps):
        rows = schedule.coefficients[step][None]
        noise = torch.randn(x.shape, generator=generator) if schedule.draws(step) else None
        x, previous = advance(x, output(x * rows[0, 0], timestep), previous, rows, noise)
    return x


@pytest.mark.parametrize("steps", [1, 4, 20])
@pytest.mark.parametrize("name", KINDS)
def test_it_comes_to_where_the_scheduler_of_its_name_comes(name: str, steps: int) -> None:
    schedule = Sampler(KINDS[name]).schedule(steps, 1.0, 64)
    x = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(1)) * schedule.start_scale
    expected = walked(type(KINDS[name]).from_config(KINDS[name].config), steps, 0, x)
    torch.testing.assert_close(ours(schedule, x), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_an_edit_begins_in_the_middle_as_the_scheduler_does(name: str) -> None:
    schedule = Sampler(KINDS[name]).schedule(10, 0.4, 64)
    scheduler = type(KINDS[name]).from_config(KINDS[name].config)
    scheduler.set_timesteps(10)
    source, noise = torch.randn((2, 1, 4, 8, 8), generator=torch.Generator().manual_seed(1))
    signal, level = schedule.levels[0]
    x = signal * source + level * noise
    if hasattr(scheduler, "scale_noise"):
        expected = scheduler.scale_noise(source, scheduler.timesteps[6:7], noise)
    else:
        scheduler.set_begin_index(6) if hasattr(scheduler, "set_begin_index") else None
        expected = scheduler.add_noise(source, noise, scheduler.timesteps[6:7])
    torch.testing.assert_close(x, expected, atol=1e-4, rtol=1e-5)
    assert len(schedule) == 4
    torch.testing.assert_close(ours(schedule, x), walked(scheduler, 10, 6, x), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_the_share_of_noise_falls_from_all_to_none(name: str) -> None:
    shares = Sampler(KINDS[name]).schedule(10, 1.0, 64).noise_shares
    assert len(shares) == 11
    assert shares[0] > 0.98
    assert shares[-1] == 0
    assert sorted(shares, reverse=True) == list(shares)


def test_a_path_that_depends_on_the_picture_is_shifted_as_flux_shifts_it() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    schedule = Sampler(scheduler, even_sigmas=True).schedule(4, 1.0, 1024)
    scheduler.set_timesteps(sigmas=[1, 0.75, 0.5, 0.25], mu=calculate_shift(1024))
    torch.testing.assert_close(schedule.levels[:, 1], scheduler.sigmas)


def test_rows_of_different_samplers_and_steps_share_a_step() -> None:
    schedules = [Sampler(KINDS[name]).schedule(8, 1.0, 64) for name in ("ddim", "dpm++", "euler")]
    x, out, previous = torch.randn((3, 3, 4, 8, 8), generator=torch.Generator().manual_seed(2))
    rows = torch.stack([schedule.coefficients[2 + number] for number, schedule in enumerate(schedules)])
    together = advance(x, out, previous, rows, None)
    for row in range(3):
        alone = advance(x[row : row + 1], out[row : row + 1], previous[row : row + 1], rows[row : row + 1], None)
        assert torch.equal(alone[0], together[0][row : row + 1])
        assert torch.equal(alone[1], together[1][row : row + 1])


def test_another_scheduler_for_the_same_path_is_replaced_by_dpm_solver() -> None:
    sampler = Sampler(PNDMScheduler(**SCALED, skip_prk_steps=True, steps_offset=1))
    assert sampler.name == "DPMSolverMultistepScheduler"
    assert len(sampler.schedule(20, 1.0, 64)) == 20


def test_a_scheduler_that_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="clip_sample"):
        Sampler(DDIMScheduler())


def test_a_number_of_steps_that_cannot_be_done_is_a_bad_request() -> None:
    with pytest.raises(InvalidRequest, match="51 steps"):
        Sampler(LCMScheduler()).schedule(51, 1.0, 64)
