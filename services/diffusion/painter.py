"""Paints and edits: one request in, its steps, previews and picture out. Knows no queue and no artifact store.

All requests share one model and one engine, which denoises them together. Encoding and decoding stay outside the
engine's loop, in the threads of those who wait, few at a time. Who asks for what is being painted already follows
that picture.
"""

import threading
from collections.abc import Iterator

import torch
from PIL import Image

from services.diffusion.best_of import best, works
from services.diffusion.capacity import Capacities
from services.diffusion.engine import Engine, Watch
from services.diffusion.flights import Flights
from services.diffusion.happenings import Happening, Painted, Prepared, Preview, Step
from services.diffusion.judge import Judge
from services.diffusion.lane import working_device
from services.diffusion.loaded import LoadedPainter
from services.diffusion.loading import load
from services.diffusion.measured import MeasuredFile
from services.diffusion.painted import painted
from services.diffusion.previews import Sights, small_jpeg
from services.diffusion.requests import Begun, begun, latent_shape, planned
from services.diffusion.retouching import Retouch
from services.diffusion.rooms import Rooms
from services.diffusion.settings import DiffusionSettings
from services.diffusion.tickets import Ticket
from shared.jobs import EditImage, GenerateImage, Painting

MOST_LAG = 3
"""Who is more steps behind gets no previews until he has caught up. A preview shows the picture as it is now."""
DECODES = 2
"""Pictures that a CPU decodes at once: when many end together, the engine's core would stand idle. One fills a GPU."""
PAUSE_S = 0.2
"""Who follows a picture is asked after that long without news whether it still wants it."""


class Painter:
    """The painter of one process; may be used from several threads at once."""

    def __init__(self, model: LoadedPainter, settings: DiffusionSettings, watch: Watch | None = None) -> None:
        self.model = model
        self.settings = settings
        self._exact = settings.diffusion_reproducibility == "exact"
        self._sights = Sights(model.previewer, settings.diffusion_preview_every)
        self._engine = Engine(model.device, exact=self._exact, watch=watch, show=self._sights)
        self._capacities = Capacities(MeasuredFile(settings.diffusion_measured), self._engine.aside)
        self._rooms = Rooms(self._capacities)
        self._judge = Judge(settings.diffusion_judge)
        self._decoding = threading.Semaphore(DECODES if model.device.type == "cpu" else 1)
        self._flights = Flights()

    @classmethod
    def from_settings(
        cls, settings: DiffusionSettings, watch: Watch | None = None, *, set_threads: bool = True
    ) -> "Painter":
        """Load the model that the settings name. Raises FolderRefused (services/diffusion/folder.py).

        `set_threads`: for the first painter of a process, whose threads are those of all.
        """
        painter = cls(load(settings), settings, watch)
        painter.settle(set_threads=set_threads)
        return painter

    def settle(self, *, set_threads: bool) -> None:
        """Measure what was not measured on this machine before, for pictures of the model's own size."""
        model, way = self.model, self.model.usual
        shape = model.canvas.shape_for(model.canvas.side, model.canvas.side)
        latents = latent_shape(model, shape)
        row = model.prompts.encode("", None, guidance_scale=way.guidance_scale, shape=shape).positive
        if set_threads and self.settings.diffusion_threads:
            self._set_threads(self.settings.diffusion_threads)
        elif set_threads and model.device.type == "cpu":
            self._set_threads(self._capacities.threads(way.passes, row, latents))
        for setting in filter(None, (model.usual, model.fast)):
            self._capacities.of(setting.passes, row, latents)

    def _set_threads(self, count: int) -> None:
        """Each thread that has computed before keeps its own number; those to come take the last one that was set."""
        self._engine.aside(lambda: torch.set_num_threads(count))
        torch.set_num_threads(count)

    def close(self) -> None:
        """Stop after the step that is under way."""
        self._engine.close()

    def paint(self, work: GenerateImage, *, owner: str = "", deadline: float | None = None) -> Iterator[Happening]:
        """Yield Prepared, a Step after each step, a Preview after some, at last the Painted; None now and then, while
        nothing happens. Closing cancels.

        The same work gives the same bytes, whatever else is running (see `diffusion_reproducibility`).

        Args:
            owner: for whom; owners take turns where more is asked for than fits.
            deadline: seconds of the epoch.

        Raises:
            InvalidRequest: at the first step, for a number of steps that this model cannot do.
            DeadlineExceeded: it was not done by then.
            JobFailed: the numbers ran out of range.
        """
        if work.best_of > 1:
            paintings = [self.paint(one, owner=owner, deadline=deadline) for one in works(work)]
            return best(paintings, work.prompt, self._judge)
        side = self.model.canvas.side
        return self._follow(work, (work.width or side, work.height or side), None, owner, deadline)

    def edit(
        self, work: EditImage, source: bytes, mask: bytes | None, *, owner: str = "", deadline: float | None = None
    ) -> Iterator[Happening]:
        """As `paint`, from the artifacts that `work` names: the source's PNG, and that of the mask if there is one.

        Raises:
            InvalidRequest: also where mask or box do not fit the source.
        """
        retouch = Retouch.of(work, source, mask)
        return self._follow(work, retouch.region.size, retouch, owner, deadline)

    def _follow(
        self, work: Painting, size: tuple[int, int], retouch: Retouch | None, owner: str, deadline: float | None
    ) -> Iterator[Happening]:
        @working_device()
        def start() -> tuple[Begun, Ticket]:
            plan = planned(self.model, work, size)
            begin = begun(self.model, self._rooms, work, plan, retouch, exact=self._exact)
            return begin, self._engine.submit(begin.picture, owner=owner, deadline=deadline)

        key = work.model_dump_json(exclude={"fresh"})
        with self._flights.aboard(key) as flight:
            begin, ticket = flight.started(start)
            ticket.extend(deadline)
            yield Prepared(begin.picture.schedule.noise_shares)
            for done in ticket.follow(PAUSE_S):
                yield from self._told(begin, ticket, done)
            yield flight.finished(lambda: self._finish(begin))

    def _told(self, begin: Begun, ticket: Ticket, done: int | None) -> Iterator[Happening]:
        if done is None:
            yield None
            return
        picture, sight = ticket.picture, ticket.sight
        yield Step(done, picture.total)
        if sight is not None and self._sights.due(done, picture.total) and picture.step <= done + MOST_LAG:
            yield Preview(done, small_jpeg(begin.retouch.glimpse(sight.rgb) if begin.retouch else sight.rgb))

    @working_device()
    def _finish(self, begin: Begun) -> Painted:
        with self._decoding:
            pixels = self.model.autoencoder.decode(begin.picture.latents)
        image = Image.fromarray(pixels)
        if begin.retouch is not None:
            image = begin.retouch.composed(image)
        elif image.size != begin.plan.size:
            image = image.resize(begin.plan.size, Image.Resampling.LANCZOS)
        return painted(self.model, begin, image)
