"""How many requests of one key may be answered at a time. Knows no routes.

A request takes a seat; the turns that are started in it share it, and go on when their client leaves, so the seat is
free again when all of them have ended.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from shared.errors import Overloaded

_seat: ContextVar["Seat | None"] = ContextVar("seat", default=None)
FULL = "{} of your requests are being answered already. Try again when some of them are done."


class Seat:
    """One request's place; free when everybody who shares it has left."""

    def __init__(self, free: Callable[[], None]) -> None:
        self._free, self._sharing = free, 1

    def share(self) -> None:
        self._sharing += 1

    def leave(self) -> None:
        self._sharing -= 1
        if not self._sharing:
            self._free()


class Seats:
    """All seats of one process."""

    def __init__(self, bound: int) -> None:
        """`bound`: for each owner."""
        self.bound = bound
        self._taken: Counter[str] = Counter()

    def left(self, owner: str) -> int:
        """How many seats an owner has left."""
        return self.bound - self._taken[owner]

    @contextlib.contextmanager
    def taken(self, owner: str) -> Iterator[None]:
        """A seat for what is done in the context. Raises Overloaded."""
        if self.left(owner) <= 0:
            raise Overloaded(FULL.format(self.bound))
        self._taken[owner] += 1
        seat = Seat(lambda: self._leave(owner))
        token = _seat.set(seat)
        try:
            yield
        finally:
            _seat.reset(token)
            seat.leave()

    def _leave(self, owner: str) -> None:
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]


def shared_seat() -> Callable[[], None]:
    """Share the seat of the request that this is called in, if it has one; to be called when it is no longer needed."""
    seat = _seat.get()
    if seat is None:
        return lambda: None
    seat.share()
    return seat.leave
