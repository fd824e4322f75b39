"""Pictures on their way, and the step that many of them take together. Knows tensors; knows no threads and no time.

Every picture's row is computed from that row alone: coefficients, timestep, guidance and noise are its own, and what a
step does outside the network is exact in every element whatever stands beside it. So a row's bits depend on its batch
only where the network's own kernels make them (capacity.py finds out which sizes do not).
"""

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass

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
    first: InitVar[Tensor]
    """x before the first step, 1 × channels × h × w in float32."""
    generator: torch.Generator
    """Of the noise that stochastic samplers add, on the CPU."""
    most_rows: int
    """Of a batch that it may be in."""
    held: Held | None = None
    step: int = 0
    """How many are done."""
    _noise: Tensor | None = None

    def __post_init__(self, first: Tensor) -> None:
        self._place = first, torch.zeros_like(first), 0
        """x and the last step's x0, in whatever batch it was in at its last step, and its row there."""

    @property
    def latents(self) -> Tensor:
        """x as it is now, 1 × channels × h × w. May be looked at from any thread."""
        x, _, row = self._place
        return x[row : row + 1]

    @property
    def previous(self) -> Tensor:
        """The last step's x0."""
        _, x0, row = self._place
        return x0[row : row + 1]

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
            shape, draws = self.latents.shape, self.schedule.draws(self.step)
            drawn = torch.randn(shape, generator=self.generator) if draws else torch.zeros(1)
            self._noise = drawn.to(self.latents.device).expand(shape)
        return self._noise

    def moved(self, x: Tensor, x0: Tensor, row: int) -> None:
        """A step is done: what it made of the whole batch, and which row is this picture's."""
        self._place, self._noise = (x, x0, row), None
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
        self._steps = self._tables()

    def _tables(self) -> Iterator[tuple[Tensor, Tensor, bool]]:
        """What each step needs, until the first picture is done: coefficients (rows × 7), timesteps, whether a row
        draws noise. On the device from the beginning, so that no step waits for a copy."""
        left = min(picture.total - picture.step for picture in self.pictures)
        spans = [(picture.schedule, slice(picture.step, picture.step + left)) for picture in self.pictures]
        coefficients = torch.stack([schedule.coefficients[span] for schedule, span in spans], dim=1)
        times = torch.stack([schedule.timesteps[span] for schedule, span in spans], dim=1)
        draws = coefficients[:, :, -1].any(1).tolist()
        return zip(coefficients.to(self._device), times.to(self._device), draws, strict=True)

    @torch.inference_mode()
    def step(self) -> None:
        """Every picture takes its next step, or, where the network fails, none does and the batch is no longer good."""
        coefficients, times, draw = next(self._steps)
        output = self._guided_output(self._x * coefficients[:, 0, None, None, None], times)
        noise = torch.cat([picture.noise() for picture in self.pictures]) if draw else None
        self._x, self._previous = advance(self._x, output, self._previous, coefficients, noise)
        if any(picture.held for picture in self.pictures):
            self._x = torch.cat([self._put_back(index) for index in range(len(self.pictures))])
        for index, picture in enumerate(self.pictures):
            picture.moved(self._x, self._previous, index)

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
