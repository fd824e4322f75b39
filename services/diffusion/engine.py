"""The step-batching engine: one thread that denoises the pictures of all requests, a step of many at a time.

A picture joins the batch of its kind before the next step and leaves it when it is done, so nobody waits for another's
last step. Knows pictures as latents; knows no prompts, no pixels and no jobs.
"""

import contextlib
import logging
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Self, TypeVar

import torch

from services.diffusion.batch import Batch, Picture
from services.diffusion.fairness import DeficitRoundRobin
from shared.errors import DeadlineExceeded, DiptychError, JobFailed

QUANTUM = 4
"""Row-steps that an owner's turn is worth. Small, so that nobody has many short pictures in one turn."""
LATE = "The picture took longer than it may. Ask for fewer steps or a smaller picture."
T = TypeVar("T")
log = logging.getLogger(__name__)

Watch = Callable[[int], None]
"""Is told the rows of each step's batch."""


class Ticket:
    """A picture in the engine, for those who wait for it."""

    def __init__(self, picture: Picture, owner: str, deadline: float | None) -> None:
        self.picture, self.owner, self.deadline = picture, owner, deadline
        self.left = False
        """It is given up, or has failed."""
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
            if told < self.picture.step:
                told += 1
                yield told
                continue
            try:
                bell.get(timeout=pause_s)
            except queue.Empty:
                yield None

    def tell(self, error: Exception | None = None) -> None:
        """Something has changed: a step is done, or the picture failed."""
        self._error = error
        with self._lock:
            for bell in self._followers:
                bell.put(None)

    @property
    def done(self) -> bool:
        return self.picture.step == self.picture.total


class Group:
    """The pictures that may share a batch."""

    def __init__(self) -> None:
        self.running: list[Ticket] = []
        self.waiting: DeficitRoundRobin[Ticket] = DeficitRoundRobin(QUANTUM)
        self._batch: Batch | None = None

    def settle(self) -> None:
        """Before a step: let go whom nobody waits for or who is late, and let in as many as fit."""
        now = time.time()
        for ticket in self.running:
            _check(ticket, now)
        self.waiting.drop(lambda ticket: _check(ticket, now))
        staying = [ticket for ticket in self.running if not ticket.left]
        while (ticket := self.waiting.take()) is not None:
            picture = ticket.picture
            if staying and rows_of(staying) + picture.rows > picture.most_rows:
                self.waiting.give_back(ticket.owner, ticket, _cost(ticket))
                break
            staying.append(ticket)
        if staying != self.running:
            self.running, self._batch = staying, None

    def step(self) -> None:
        """One step of all that run."""
        if self._batch is None:
            self._batch = Batch([ticket.picture for ticket in self.running])
        first = self.running[0].picture
        first.adapters.activate(first.loras)
        self._batch.step()

    def step_apart(self) -> None:
        """The same one by one, so that only those fail who do not work alone either."""
        self._batch = None
        for ticket in self.running:
            try:
                Batch([ticket.picture]).step()
            except Exception as error:
                fail(ticket, error)

    def finish(self) -> None:
        """After a step: tell everyone, and let go who is done."""
        for ticket in self.running:
            if not ticket.left:
                ticket.tell()
        staying = [ticket for ticket in self.running if not (ticket.done or ticket.left)]
        if len(staying) < len(self.running):
            self.running, self._batch = staying, None


class Engine:
    """Denoises pictures. Its methods may be called from any thread."""

    def __init__(self, *, exact: bool, watch: Watch | None = None) -> None:
        """`exact`: pictures with and without guidance do not share a batch; their bits depend on different sizes."""
        self._exact, self._watch = exact, watch
        self._groups: OrderedDict[Any, Group] = OrderedDict()
        self._errands: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._news = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop after the step that is under way."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def submit(self, picture: Picture, *, owner: str = "", deadline: float | None = None) -> Ticket:
        """Have a picture denoised. `deadline`: seconds of the epoch."""
        ticket = Ticket(picture, owner, deadline)
        with self._news:
            group = self._groups.setdefault(self._key(picture), Group())
            group.waiting.put(owner, ticket, _cost(ticket))
            self._news.notify()
        return ticket

    def aside(self, work: Callable[[], T], /) -> T:
        """What `work` returns in the engine's thread, before the next step: for what must not run beside one.

        Raises:
            CancelledError: the engine is closed.
        """
        done: Future[T] = Future()
        with self._news:
            self._errands.append((done, work))
            if self._closed:
                done.cancel()
            self._news.notify()
        return done.result()

    def _key(self, picture: Picture) -> Any:
        shares = picture.denoiser, picture.loras, picture.latents.shape
        return (*shares, picture.rows) if self._exact else shares

    def _run(self) -> None:
        while (turn := self._next_turn()) is not None:
            turn()
        for done, _ in self._errands:
            done.cancel()

    def _next_turn(self) -> Callable[[], None] | None:
        """What is to be done next; waits for it. None: the engine is closed."""
        with self._news:
            while not self._closed:
                if self._errands:
                    return partial(_do, *self._errands.popleft())
                if (group := self._next_group()) is not None:
                    return partial(self._step, group)
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
        except Exception:
            log.exception("a step of %d pictures failed", len(group.running))
            self._make_room()
            group.step_apart()
        group.finish()

    @staticmethod
    def _make_room() -> None:
        """It may have been memory that was short."""
        with contextlib.suppress(RuntimeError):
            torch.cuda.empty_cache()


def _do(done: "Future[T]", work: Callable[[], T]) -> None:
    try:
        done.set_result(work())
    except Exception as error:  # the asker's to handle
        done.set_exception(error)


def rows_of(tickets: Iterable[Ticket]) -> int:
    """In a batch."""
    return sum(ticket.picture.rows for ticket in tickets)


def fail(ticket: Ticket, error: Exception) -> None:
    """Have a ticket's followers learn why there is no picture."""
    known = isinstance(error, DiptychError)
    ticket.left = True
    ticket.tell(error if known else JobFailed("The painter failed at this picture. The worker's log has the details."))


def _check(ticket: Ticket, now: float) -> bool:
    """Whether a ticket is over before it is done."""
    if not ticket.left and ticket.deadline is not None and now > ticket.deadline:
        fail(ticket, DeadlineExceeded(LATE))
    return ticket.left


def _cost(ticket: Ticket) -> float:
    return ticket.picture.rows * (ticket.picture.total - ticket.picture.step)
