"""Pictures on their way, and the step that many of them take together. Knows tensors; knows no threads and no time.

Every picture's row is computed from that row alone: coefficients, timestep, guidance and noise are its own, and what a
step does outside the network is exact in every element whatever stands beside it. So a row's bits depend on its batch
only where the network's own kernels make them (capacity.py finds out which sizes do not).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from services.diffusion.families import Denoiser
from services.diffusion.lora import Loras, LoraSet
from services.diffusion.prompts import Conditioning, Prompt
from services.diffusion.samplers import Schedule, advance


@dataclass(frozen=True)
class Held:
    """What an edit must not change."""

    source: Tensor
    """Latents, 1 × channels × h × w."""
    noise: Tensor
    """What the source is noised with at each level."""
    repainted: Tensor
    """1 × 1 × h × w, 1 where latents may change."""

    def put_back(self, latents: Tensor, level: Tensor) -> Tensor:
        """x with the source, at x's noise level, where it must stay (arXiv 2201.09865)."""
        return torch.where(self.repainted > 0, latents, level[0] * self.source + level[1] * self.noise)


@dataclass(eq=False)
class Picture:
    """One picture on its way."""

    denoiser: Denoiser
    adapters: Loras
    loras: LoraSet
    schedule: Schedule
    prompt: Prompt
    guidance_scale: float
    latents: Tensor
    """x, 1 × channels × h × w in float32."""
    generator: torch.Generator
    """Of the noise that stochastic samplers add, on the CPU."""
    most_rows: int
    """Of a batch that it may be in."""
    held: Held | None = None
    step: int = 0
    """How many are done."""
    previous: Tensor = field(init=False)
    """The last step's x0."""
    _noise: Tensor | None = None

    def __post_init__(self) -> None:
        self.previous = torch.zeros_like(self.latents)

    @property
    def total(self) -> int:
        return len(self.schedule)

    @property
    def rows(self) -> int:
        """In a batch."""
        return 2 if self.prompt.guided else 1

    def noise(self) -> Tensor:
        """Fresh for this step, however often it is tried; zeros where the sampler needs none."""
        if self._noise is None:
            draws = self.schedule.draws(self.step)
            drawn = torch.randn(self.latents.shape, generator=self.generator) if draws else torch.zeros(1)
            self._noise = drawn.to(self.latents.device).expand(self.latents.shape)
        return self._noise

    def moved(self, latents: Tensor, x0: Tensor) -> None:
        """A step is done."""
        self.latents, self.previous, self._noise = latents, x0, None
        self.step += 1


class Batch:
    """Pictures of one denoiser and one shape, as long as none joins or leaves."""

    def __init__(self, pictures: Sequence[Picture]) -> None:
        self.pictures = pictures
        self._device = pictures[0].latents.device
        guided = [index for index, picture in enumerate(pictures) if picture.prompt.guided]
        positive = [picture.prompt.positive for picture in pictures]
        negative = [row for picture in pictures if (row := picture.prompt.negative) is not None]
        self._conditioning = Conditioning.cat([*positive, *negative])
        self._all_guided = len(guided) == len(pictures)
        self._guided = torch.tensor(guided, device=self._device)
        scales = [pictures[index].guidance_scale for index in guided]
        self._scales = torch.tensor(scales, device=self._device)[:, None, None, None]
        self._x = torch.cat([picture.latents for picture in pictures])
        self._previous = torch.cat([picture.previous for picture in pictures])

    @torch.inference_mode()
    def step(self) -> None:
        """Every picture takes its next step, or, where the network fails, none does."""
        rows = [picture.schedule.coefficients[picture.step] for picture in self.pictures]
        coefficients = torch.stack(rows).to(self._device, non_blocking=True)
        times = torch.stack([picture.schedule.timesteps[picture.step] for picture in self.pictures])
        seen = self._x * coefficients[:, 0, None, None, None]
        output = self._guided_output(seen, times.to(self._device, non_blocking=True))
        draw = any(picture.schedule.draws(picture.step) for picture in self.pictures)
        noise = torch.cat([picture.noise() for picture in self.pictures]) if draw else None
        self._x, self._previous = advance(self._x, output, self._previous, coefficients, noise)
        if any(picture.held for picture in self.pictures):
            self._x = torch.cat([self._put_back(index) for index in range(len(self.pictures))])
        for index, picture in enumerate(self.pictures):
            picture.moved(self._x[index : index + 1], self._previous[index : index + 1])

    def _guided_output(self, seen: Tensor, times: Tensor) -> Tensor:
        """The network's output for each picture, with classifier-free guidance (arXiv 2207.12598) where it has two
        rows: those without a prompt's guidance come after all others."""
        denoiser, count = self.pictures[0].denoiser, len(self.pictures)
        if not len(self._guided):
            return denoiser.predict(seen, times, self._conditioning)
        rows = torch.cat([seen, seen if self._all_guided else seen[self._guided]])
        both = torch.cat([times, times if self._all_guided else times[self._guided]])
        output = denoiser.predict(rows, both, self._conditioning)
        positive, negative = output[:count], output[count:]
        if self._all_guided:
            return negative + self._scales * (positive - negative)
        steered = negative + self._scales * (positive[self._guided] - negative)
        return positive.index_copy(0, self._guided, steered)

    def _put_back(self, index: int) -> Tensor:
        picture, row = self.pictures[index], self._x[index : index + 1]
        return picture.held.put_back(row, picture.schedule.levels[picture.step + 1]) if picture.held else row
