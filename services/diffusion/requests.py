"""What a request means for a certain model: its defaults filled in, and the picture that the engine begins with.

Knows words, sources and noise; knows no engine and no bytes of pictures.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from services.diffusion.batch import Held, Picture
from services.diffusion.loaded import LoadedPainter, Setting
from services.diffusion.lora import LoraSet
from services.diffusion.prompts import Prompt
from services.diffusion.retouching import Retouch
from services.diffusion.rooms import Room, Rooms
from services.diffusion.samplers import Schedule
from shared.jobs import Painting


@dataclass(frozen=True)
class Plan:
    """A request with the painter's defaults filled in."""

    setting: Setting
    fast: bool
    steps: int
    guidance_scale: float
    shape: tuple[int, int]
    """Width and height that are painted."""
    size: tuple[int, int]
    """Width and height of the picture."""


@dataclass(frozen=True)
class Begun:
    """A request whose first step can be taken."""

    work: Painting
    plan: Plan
    retouch: Retouch | None
    prompt: Prompt
    picture: Picture
    at: float = field(default_factory=time.perf_counter)
    """When it was asked for, on the performance counter."""


def planned(model: LoadedPainter, work: Painting, size: tuple[int, int]) -> Plan:
    """Fill in the defaults. `size`: width and height of what is painted, as it will be seen."""
    shape = model.canvas.shape_for(*size)
    if work.fast and model.fast is not None:  # distilled for its own steps and guidance: others would not do
        return Plan(model.fast, True, model.fast.steps, model.fast.guidance_scale, shape, size)
    guidance = model.usual.guidance_scale if work.guidance_scale is None else work.guidance_scale
    return Plan(model.usual, False, work.steps or model.usual.steps, guidance, shape, size)


def begun(
    model: LoadedPainter, rooms: Rooms, work: Painting, plan: Plan, retouch: Retouch | None, *, exact: bool
) -> Begun:
    """Everything before the first step: prompt, source, noise, schedule.

    Raises:
        InvalidRequest: the sampler cannot do that many steps.
    """
    at, way = time.perf_counter(), plan.setting
    negative = work.negative_prompt if plan.guidance_scale > 1.0 else None
    prompt = model.prompts.encode(work.prompt, negative, guidance_scale=plan.guidance_scale, shape=plan.shape)
    shape = latent_shape(model, plan.shape)
    tokens = shape[1] * shape[2] // way.denoiser.patch**2
    schedule = way.sampler.schedule(plan.steps, retouch.strength if retouch else 1.0, tokens)
    generator = torch.Generator().manual_seed(work.seed)
    noise = drawn_noise(1, shape, generator, model.device)
    latents, held = start(model, schedule, noise, plan, retouch)
    picture = Picture(
        passes=way.passes,
        loras=LoraSet(tuple(sorted(work.loras.items()))),
        schedule=schedule,
        prompt=prompt,
        guidance_scale=plan.guidance_scale,
        first=latents,
        fresh=drawn_noise(schedule.draws_before(len(schedule)), shape, generator, model.device),
        most_rows=most_rows(rooms.of(way.passes, prompt.positive, shape), prompt, work, exact=exact),
        held=held,
    )
    return Begun(work, plan, retouch, prompt, picture, at)


def most_rows(room: Room, prompt: Prompt, work: Painting, *, exact: bool) -> Callable[[], int]:
    """Of a batch that the picture may be in, as far as is known by then. LoRAs add kernels that nobody has measured."""
    if exact and work.loras:
        return lambda: prompt.rows
    return lambda: room.rows(prompt.rows, exact=exact)


def latent_shape(model: LoadedPainter, shape: tuple[int, int]) -> tuple[int, int, int]:
    """Channels × h × w, of a picture of that width and height."""
    stride = model.autoencoder.stride
    return model.autoencoder.latent_channels, shape[1] // stride, shape[0] // stride


def drawn_noise(count: int, shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Gaussian noise of so many rows, drawn on the CPU so that a seed means the same noise on every device."""
    rows = [torch.randn((1, *shape), generator=generator, dtype=torch.float32) for _ in range(count)]
    return torch.cat([torch.empty((0, *shape)), *rows]).to(device)


def start(
    model: LoadedPainter, schedule: Schedule, noise: Tensor, plan: Plan, retouch: Retouch | None
) -> tuple[Tensor, Held | None]:
    """The first x, and what must stay: pure noise, or a source at the noise level that its strength means (SDEdit,
    arXiv 2108.01073). At strength 1 nothing of the source is in it."""
    pure = noise * schedule.start_scale
    if retouch is None:
        return pure, None
    source = model.autoencoder.encode(retouch.pixels(plan.shape).to(model.device)).float()
    signal, level = schedule.levels[0]
    mixed = pure if retouch.strength == 1 else signal * source + level * noise
    cells = retouch.cells(source.shape[-1], source.shape[-2])
    return mixed, None if cells is None else Held(source, noise, cells.to(model.device))
