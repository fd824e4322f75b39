"""Pictures under way, each once for all who ask for the same one at the same time. Knows no painting."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from services.diffusion.happenings import Painted
from services.diffusion.requests import Begun
from services.diffusion.tickets import Ticket


class Flight:
    """A picture under way, for all who asked for the same one."""

    def __init__(self) -> None:
        self.followers = 0
        self._lock = threading.Lock()
        self._started: tuple[Begun, Ticket] | None = None
        self._painted: Painted | None = None

    def started(self, start: Callable[[], tuple[Begun, Ticket]]) -> tuple[Begun, Ticket]:
        """What `start` returned to the first who came here."""
        with self._lock:
            self._started = self._started or start()
            return self._started

    def finished(self, finish: Callable[[], Painted]) -> Painted:
        """What `finish` returned to the first who came here."""
        with self._lock:
            self._painted = self._painted or finish()
            return self._painted

    def give_up(self) -> None:
        if self._started is not None:
            self._started[1].give_up()


class Flights:
    """Those of one painter. May be used from several threads."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._flights)

    @contextlib.contextmanager
    def aboard(self, key: str) -> Iterator[Flight]:
        """The one of that picture, a new one where there is none. The last who leaves it gives it up."""
        with self._lock:
            flight = self._flights.setdefault(key, Flight())
            flight.followers += 1
        try:
            yield flight
        finally:
            self._leave(key, flight)

    def _leave(self, key: str, flight: Flight) -> None:
        with self._lock:
            flight.followers -= 1
            if not flight.followers:
                del self._flights[key]
                flight.give_up()
