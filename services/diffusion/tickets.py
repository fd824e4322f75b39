"""Pictures in the engine, for those who wait for them. Knows no engine."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from services.diffusion.batch import Picture
from shared.errors import DeadlineExceeded, DiptychError, JobFailed

LATE = "The picture took longer than it may. Ask for fewer steps or a smaller picture."


class Sight(NamedTuple):
    """A picture as it looks before it is done."""

    step: int
    rgb: NDArray[np.uint8]
    """h × w × 3, a pixel for each cell of the latents."""


class Ticket:
    """A picture in the engine, for those who wait for it."""

    def __init__(self, picture: Picture, owner: str, deadline: float | None) -> None:
        self.picture, self.owner, self.deadline = picture, owner, deadline
        self.left = False
        """It is given up, or has failed."""
        self.sight: Sight | None = None
        """What it last looked like, where somebody makes such sights (the engine's `show`)."""
        self._step = 0
        self._error: Exception | None = None
        self._followers: list[queue.SimpleQueue[None]] = []
        self._lock = threading.Lock()

    def follow(self, pause_s: float) -> Iterator[int | None]:
        """How many steps are done, each time that this grows, until all are; None after each pause without news.

        Many may follow at once, and from any moment on.

        Raises:
            DeadlineExceeded: it was not done by its deadline.
            JobFailed: the network failed at it.
        """
        bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        with self._lock:
            self._followers.append(bell)
        try:
            yield from self._told(bell, pause_s)
        finally:
            with self._lock:
                self._followers.remove(bell)

    def extend(self, deadline: float | None) -> None:
        """Somebody has joined who gives it until then; None: for ever."""
        if self.deadline is not None:
            self.deadline = None if deadline is None else max(deadline, self.deadline)

    def give_up(self) -> None:
        """Nobody wants the picture any more: it is let go before the next step."""
        self.left = True

    def _told(self, bell: "queue.SimpleQueue[None]", pause_s: float) -> Iterator[int | None]:
        told = 0
        while told < self.picture.total:
            if self._error is not None:
                raise self._error
            if told < self._step:
                told += 1
                yield told
                continue
            try:
                bell.get(timeout=pause_s)
            except queue.Empty:
                yield None

    def tell(self, step: int) -> None:
        """So many steps are done, and may be spoken of."""
        self._step = step
        self._ring()

    def fail(self, error: Exception) -> None:
        """There will be no picture."""
        self.left, self._error = True, error
        self._ring()

    def _ring(self) -> None:
        with self._lock:
            for bell in self._followers:
                bell.put(None)

    @property
    def done(self) -> bool:
        return self.picture.step == self.picture.total


class Taken(NamedTuple):
    """A step that a picture has taken."""

    ticket: Ticket
    step: int
    latents: Tensor
    """After it, 1 × channels × h × w."""


def rows_of(tickets: Iterable[Ticket]) -> int:
    """In a batch."""
    return sum(ticket.picture.rows for ticket in tickets)


def fail(ticket: Ticket, error: Exception) -> None:
    """Have a ticket's followers learn why there is no picture."""
    known = isinstance(error, DiptychError)
    ticket.fail(error if known else JobFailed("The painter failed at this picture. The worker's log has the details."))


def is_over(ticket: Ticket, now: float) -> bool:
    """Whether a ticket is over before it is done; one that is late fails now."""
    if not ticket.left and ticket.deadline is not None and now > ticket.deadline:
        fail(ticket, DeadlineExceeded(LATE))
    return ticket.left


def cost_of(ticket: Ticket) -> float:
    """Row-steps that are still to be done."""
    return ticket.picture.rows * (ticket.picture.total - ticket.picture.step)
