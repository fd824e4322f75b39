"""The step-batching engine: one thread that denoises the pictures of all requests, a step of many at a time.

A picture joins the batch of its kind before the next step and leaves it when it is done, so nobody waits for another's
last step. Knows pictures as latents; knows no prompts, no pixels and no jobs.
"""

import atexit
import contextlib
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Self, TypeVar

import torch

from services.diffusion.batch import Picture
from services.diffusion.groups import Group
from services.diffusion.lane import Lane, settled, working_device
from services.diffusion.telling import News, Show, Teller
from services.diffusion.tickets import Ticket, cost_of, fail, rows_of
from shared.errors import DiptychError

T = TypeVar("T")
log = logging.getLogger(__name__)

AHEAD = 1
"""Steps that a device may have left to do when it is told the next one: with none it would wait for each, with more
whoever comes or goes would wait for all of them."""
ASIDE = 0.25
"""The most of the time that errands take while pictures are painted."""
Watch = Callable[[int], None]
"""Is told the rows of each step's batch."""


class Engine:
    """Denoises pictures. Its methods may be called from any thread."""

    def __init__(
        self, device: torch.device, *, exact: bool, watch: Watch | None = None, show: Show | None = None
    ) -> None:
        """
        Args:
            device: where the pictures are.
            exact: pictures with and without guidance do not share a batch; their bits depend on different sizes.
            show: is given the steps that were taken, beside the engine's loop, before those who follow are told.
        """
        self._device, self._exact, self._watch = device, exact, watch
        self._lane = Lane(device)
        self._ahead: deque[News] = deque()
        """Steps that the device may not have done yet; what they read is kept here."""
        self._teller = Teller(show)
        self._groups: OrderedDict[Any, Group] = OrderedDict()
        self._errands: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._painting_until = 0.0
        """No errand goes before a step until then, on the monotonic clock."""
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # a thread that computes must not meet the end of its interpreter

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop after the step that is under way."""
        atexit.unregister(self.close)
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()
        self._teller.close()

    def submit(self, picture: Picture, *, owner: str = "", deadline: float | None = None) -> Ticket:
        """Have a picture denoised. `deadline`: seconds of the epoch."""
        ticket = Ticket(picture, owner, deadline)
        settled(self._device)
        with self._news:
            group = self._groups.setdefault(self._key(picture), Group())
            group.waiting.put(owner, ticket, cost_of(ticket))
            self._news.notify()
        return ticket

    def aside(self, work: Callable[[], T], /) -> T:
        """What `work` returns in the engine's thread, between two steps: for what must not run beside one.

        Raises:
            CancelledError: the engine is closed.
        """
        done: Future[T] = Future()
        settled(self._device)
        with self._news:
            self._errands.append((done, work))
            if self._closed:
                done.cancel()
            self._news.notify()
        return done.result()

    def _key(self, picture: Picture) -> Any:
        shares = picture.passes, picture.loras, picture.latents.shape
        return (*shares, picture.rows) if self._exact else shares

    def _run(self) -> None:
        with working_device(), self._lane.entered():
            while (turn := self._next_turn()) is not None:
                turn()
            self._catch_up(0)
        for done, _ in self._errands:
            done.cancel()

    def _next_turn(self) -> Callable[[], None] | None:
        """What is to be done next; waits for it. None: the engine is closed."""
        with self._news:
            while not self._closed:
                is_due = self._errands and time.monotonic() >= self._painting_until
                if not is_due and (group := self._next_group()) is not None:
                    return partial(self._step, group)
                if self._errands:
                    return partial(self._do, *self._errands.popleft())
                if self._ahead:
                    return partial(self._catch_up, 0)
                self._news.wait()
        return None

    def _next_group(self) -> Group | None:
        """The group whose turn it is, ready for a step."""
        for key, group in list(self._groups.items()):
            group.settle()
            if group.running:
                self._groups.move_to_end(key)
                return group
            if not len(group.waiting):
                del self._groups[key]
        return None

    def _step(self, group: Group) -> None:
        if self._watch is not None:
            self._watch(rows_of(group.running))
        try:
            group.step()
        except DiptychError as error:  # no such LoRA
            for ticket in group.running:
                fail(ticket, error)
        except torch.AcceleratorError:
            raise
        except Exception:
            log.exception("a step of %d pictures failed", len(group.running))
            self._make_room()
            group.step_apart()
        news = News(group.finish(), self._lane.mark())
        self._teller.tell(news)
        self._ahead.append(news)
        self._catch_up(AHEAD)

    def _catch_up(self, ahead: int) -> None:
        """Wait until the device has at most so many steps left to do."""
        while len(self._ahead) > ahead:
            self._ahead.popleft().mark.synchronize()

    def _do(self, done: "Future[T]", work: Callable[[], T]) -> None:
        began = time.monotonic()
        try:
            done.set_result(work())
        except Exception as error:  # the asker's to handle
            done.set_exception(error)
        ended = time.monotonic()
        self._painting_until = ended + (ended - began) * (1 / ASIDE - 1)

    @staticmethod
    def _make_room() -> None:
        """It may have been memory that was short."""
        with contextlib.suppress(RuntimeError):
            torch.cuda.empty_cache()
