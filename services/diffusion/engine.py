"""Paints and edits: one request in, its steps, previews and picture out. Knows no queue and no artifact store.

Requests share one model. Their denoise steps take turns under a lock, one step at a time; encoding the prompt and
decoding the latents stay outside it.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from services.diffusion.happenings import Happening, Painted, Prepared, Preview, Step
from services.diffusion.loading import LoadedPainter, Setting, load
from services.diffusion.previews import small_jpeg
from services.diffusion.prompts import Prompt
from services.diffusion.retouching import Retouch
from services.diffusion.sampling import Source, Start, denoise, drawn_noise, fresh_scheduler, model_input, start
from services.diffusion.settings import DiffusionSettings
from shared.jobs import EditImage, GenerateImage, Painting
from shared.provenance import EditRecord, Provenance, png_with_provenance


@dataclass(frozen=True)
class Plan:
    """A request with the painter's defaults filled in."""

    setting: Setting
    fast: bool
    steps: int
    guidance_scale: float
    shape: tuple[int, int]
    """Width and height that are painted."""


@dataclass(frozen=True)
class Run:
    """A request on its way: its own scheduler and the loop that makes its latents."""

    work: Painting
    plan: Plan
    retouch: Retouch | None
    scheduler: Any
    prompt: Prompt
    start: Start
    steps: Iterator[Tensor]

    @property
    def total(self) -> int:
        return len(self.start.timesteps)

    @property
    def strength(self) -> float | None:
        return self.retouch.strength if self.retouch else None


class Painter:
    """The painter of one process; may be used from several threads at once."""

    def __init__(self, model: LoadedPainter, settings: DiffusionSettings) -> None:
        self.model = model
        self.settings = settings
        self._one_step_at_a_time = threading.Lock()

    @classmethod
    def from_settings(cls, settings: DiffusionSettings) -> "Painter":
        """Load the model that the settings name. Raises FolderRefused (services/diffusion/folder.py)."""
        return cls(load(settings), settings)

    def paint(self, work: GenerateImage) -> Iterator[Happening]:
        """Yield Prepared, a Step after each step, a Preview after some, at last the Painted. Closing cancels.

        The same work gives the same bytes, whatever else is running.

        Raises:
            InvalidRequest: at the first step, for a number of steps that this model cannot do.
            JobFailed: the numbers ran out of range.
        """
        side = self.model.canvas.side
        yield from self._follow(work, (work.width or side, work.height or side), None)

    def edit(self, work: EditImage, source: bytes, mask: bytes | None) -> Iterator[Happening]:
        """As `paint`, from the artifacts that `work` names: the source's PNG, and that of the mask if there is one.

        Raises:
            InvalidRequest: also where mask or box do not fit the source.
        """
        retouch = Retouch.of(work, source, mask)
        yield from self._follow(work, retouch.region.size, retouch)

    def plan(self, work: Painting, size: tuple[int, int]) -> Plan:
        """Fill in the defaults. `size`: width and height of what is painted, as it will be seen."""
        model = self.model
        shape = model.canvas.shape_for(*size)
        if work.fast and model.fast is not None:  # distilled for its own steps and guidance: others would not do
            return Plan(model.fast, True, model.fast.steps, model.fast.guidance_scale, shape)
        guidance = model.usual.guidance_scale if work.guidance_scale is None else work.guidance_scale
        return Plan(model.usual, False, work.steps or model.usual.steps, guidance, shape)

    def _follow(self, work: Painting, size: tuple[int, int], retouch: Retouch | None) -> Iterator[Happening]:
        started = time.perf_counter()
        run = self.begin(work, self.plan(work, size), retouch)
        latents = run.start.latents
        yield Prepared(run.total)
        for step in range(1, run.total + 1):
            with self._one_step_at_a_time:
                latents = next(run.steps)
            yield Step(step, run.total)
            if self.shows_preview(step, run.total):
                yield Preview(step, self.preview(run, latents, step))
        image = Image.fromarray(self.model.autoencoder.decode(latents))
        if retouch is not None:
            image = retouch.composed(image)
        elif image.size != size:
            image = image.resize(size, Image.Resampling.LANCZOS)
        yield self.finish(run, image, started)

    def begin(self, work: Painting, plan: Plan, retouch: Retouch | None) -> Run:
        """Everything before the first step: prompt, source, noise, schedule."""
        device = self.model.device
        scheduler = fresh_scheduler(plan.setting.scheduler, plan.steps, device)
        guided = plan.guidance_scale > 1.0
        prompt = self.model.prompts.encode(
            work.prompt,
            work.negative_prompt if guided else None,
            guidance_scale=plan.guidance_scale,
            shape=plan.shape,
        )
        generator = torch.Generator().manual_seed(work.seed)
        noise = drawn_noise(self.latent_shape(plan), generator, device)
        beginning = start(scheduler, plan.steps, noise, self.source(plan, retouch) if retouch else None)
        steps = denoise(
            plan.setting.denoiser,
            scheduler,
            beginning,
            prompt,
            guidance_scale=plan.guidance_scale,
            generator=generator,
        )
        return Run(work, plan, retouch, scheduler, prompt, beginning, steps)

    def source(self, plan: Plan, retouch: Retouch) -> Source:
        """The region of an edit as latents."""
        device = self.model.device
        latents = self.model.autoencoder.encode(retouch.pixels(plan.shape).to(device)).float()
        cells = retouch.cells(latents.shape[-1], latents.shape[-2])
        return Source(latents, retouch.strength, None if cells is None else cells.to(device))

    def latent_shape(self, plan: Plan) -> tuple[int, int, int, int]:
        stride = self.model.autoencoder.stride
        return 1, plan.setting.denoiser.latent_channels, plan.shape[1] // stride, plan.shape[0] // stride

    def shows_preview(self, step: int, total: int) -> bool:
        """Every few steps, and not after the last one: the picture itself follows."""
        every = self.settings.diffusion_preview_every
        return every > 0 and step % every == 0 and step < total

    def preview(self, run: Run, latents: Tensor, step: int) -> bytes:
        """What x_t looks like after `step`, as a small JPEG."""
        visible = model_input(run.scheduler, latents, run.start.timesteps[step])
        picture = self.model.previewer.picture(visible)
        return small_jpeg(run.retouch.glimpse(picture) if run.retouch else picture)

    def finish(self, run: Run, image: Image.Image, started: float) -> Painted:
        """The picture as a PNG which says how it was made, with what was used for it."""
        work, plan, prompt = run.work, run.plan, run.prompt
        record = Provenance(
            prompt=work.prompt,
            negative_prompt=work.negative_prompt if prompt.guided else "",
            tokens_dropped=prompt.tokens_dropped,
            seed=work.seed,
            fast=plan.fast,
            steps=plan.steps,
            guidance_scale=plan.guidance_scale,
            width=image.width,
            height=image.height,
            native_width=plan.shape[0],
            native_height=plan.shape[1],
            scheduler=type(plan.setting.scheduler).__name__,
            model=self.model.name,
            edit=edit_record(run),
        )
        return Painted(
            png=png_with_provenance(image, record),
            width=image.width,
            height=image.height,
            native_width=plan.shape[0],
            native_height=plan.shape[1],
            seed=work.seed,
            fast=plan.fast,
            steps=plan.steps,
            guidance_scale=plan.guidance_scale,
            strength=run.strength,
            model=self.model.name,
            seconds=time.perf_counter() - started,
            prompt_tokens=prompt.tokens,
            image_tokens=plan.shape[0] * plan.shape[1] // self.model.canvas.stride**2,
            tokens_dropped=prompt.tokens_dropped,
            unknown_words=self.model.words.unknown_in(work.prompt),
        )


def edit_record(run: Run) -> EditRecord | None:
    """What the picture says of an edit."""
    if not isinstance(run.work, EditImage) or run.retouch is None:
        return None
    return EditRecord(
        source=run.work.source, strength=run.retouch.strength, mask=run.work.mask, region=run.retouch.region.box
    )
