"""Pictures on their way, and the step that many of them take together. Knows tensors; knows no threads and no time.

A step tells the device what to do and never waits for it, nor sends it anything: a batch has all that its steps need
from the beginning.

Every picture's row is computed from that row alone: coefficients, timestep, guidance and noise are its own, and what a
step does outside the network is exact in every element whatever stands beside it. So a row's bits depend on its batch
only where the network's own kernels make them (capacity.py finds out which sizes do not).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.diffusion.lane import sent
from services.diffusion.lora import LoraSet
from services.diffusion.passes import Passes
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

    def put_back(self, latents: Tensor, signal: float, noise: float) -> Tensor:
        """x with the source, at x's noise level, where it must stay (arXiv 2201.09865)."""
        return torch.where(self.repainted > 0, latents, signal * self.source + noise * self.noise)


@dataclass(eq=False)
class Picture:
    """One picture on its way. Keeps all that its steps read until it goes itself, as a device may be behind."""

    passes: Passes
    loras: LoraSet
    schedule: Schedule
    prompt: Prompt
    guidance_scale: float
    first: Tensor
    """x before the first step, 1 × channels × h × w in float32."""
    fresh: Tensor
    """Noise for each of the steps that need it (stochastic samplers), in order, each of the shape of x."""
    most_rows: Callable[[], int]
    """Of a batch that it may be in, as far as is known by now."""
    held: Held | None = None
    step: int = 0
    """How many are done."""
    _place: tuple[Tensor, Tensor, int] | None = None
    """x and the last step's x0, in whatever batch it was in at its last step, and its row there."""

    @property
    def latents(self) -> Tensor:
        """x as it is now, 1 × channels × h × w."""
        if self._place is None:
            return self.first
        x, _, row = self._place
        return x[row : row + 1]

    @property
    def previous(self) -> Tensor:
        """The last step's x0."""
        if self._place is None:
            return torch.zeros_like(self.first)
        _, x0, row = self._place
        return x0[row : row + 1]

    @property
    def total(self) -> int:
        return len(self.schedule)

    @property
    def rows(self) -> int:
        """In a batch."""
        return self.prompt.rows

    def noise(self) -> Tensor:
        """Fresh for this step, however often it is tried; zeros where the sampler needs none."""
        if not self.schedule.draws(self.step):
            return torch.zeros_like(self.first)
        drawn = self.schedule.draws_before(self.step)
        return self.fresh[drawn : drawn + 1]

    def moved(self, x: Tensor, x0: Tensor, row: int) -> None:
        """A step is done: what it made of the whole batch, and which row is this picture's."""
        self._place = x, x0, row
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
        self._guided = sent(torch.tensor(guided), self._device)
        scales = torch.tensor([pictures[index].guidance_scale for index in guided])
        self._scales = sent(scales, self._device)[:, None, None, None]
        self._x = torch.cat([picture.latents for picture in pictures])
        self._previous = torch.cat([picture.previous for picture in pictures])
        self._steps = self._tables()

    def _tables(self) -> Iterator[tuple[Tensor, Tensor, bool]]:
        """What each step needs, until the first picture is done: coefficients (rows × 7), timesteps, whether a row
        draws noise."""
        left = min(picture.total - picture.step for picture in self.pictures)
        spans = [(picture.schedule, slice(picture.step, picture.step + left)) for picture in self.pictures]
        coefficients = torch.stack([schedule.coefficients[span] for schedule, span in spans], dim=1)
        times = torch.stack([schedule.timesteps[span] for schedule, span in spans], dim=1)
        draws = coefficients[:, :, -1].any(1).tolist()
        return zip(sent(coefficients, self._device), sent(times, self._device), draws, strict=True)

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
        count = len(self.pictures)
        if not len(self._guided):
            return self._predict(seen, times)
        rows = torch.cat([seen, seen if self._all_guided else seen[self._guided]])
        both = torch.cat([times, times if self._all_guided else times[self._guided]])
        output = self._predict(rows, both)
        positive, negative = output[:count], output[count:]
        if self._all_guided:
            return negative + self._scales * (positive - negative)
        steered = negative + self._scales * (positive[self._guided] - negative)
        return positive.index_copy(0, self._guided, steered)

    def _predict(self, rows: Tensor, times: Tensor) -> Tensor:
        first = self.pictures[0]
        return first.passes.predict(first.loras, rows, times, self._conditioning)

    def _put_back(self, index: int) -> Tensor:
        picture, row = self.pictures[index], self._x[index : index + 1]
        if picture.held is None:
            return row
        signal, noise = picture.schedule.levels[picture.step + 1].tolist()
        return picture.held.put_back(row, signal, noise)
