"""Tells followers what the engine has done, from a thread of its own.

The engine's loop wakes one thread after a step, not all who wait: each that wakes holds the interpreter for a moment,
and the next step would wait for every one of them. Where telling takes longer than a step, steps are told together.
"""

import logging
import queue
import threading
from collections.abc import Callable, Sequence

from services.diffusion.tickets import Ticket

Show = Callable[[Sequence[Ticket]], None]
log = logging.getLogger(__name__)


class Teller:
    """`show` is given the tickets before their followers are told."""

    def __init__(self, show: Show | None) -> None:
        self._show = show
        self._news: queue.SimpleQueue[Sequence[Ticket] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="teller", daemon=True)
        self._thread.start()

    def tell(self, tickets: Sequence[Ticket]) -> None:
        """These have taken a step."""
        self._news.put(tickets)

    def close(self) -> None:
        """When all is told."""
        self._news.put(None)
        self._thread.join()

    def _run(self) -> None:
        closed = False
        while not closed:
            news = [self._news.get()]
            while not self._news.empty():
                news.append(self._news.get())
            closed = None in news
            steps = {ticket: ticket.picture.step for tickets in news for ticket in tickets or ()}
            self._look(list(steps))
            for ticket, step in steps.items():
                ticket.tell(step)

    def _look(self, tickets: Sequence[Ticket]) -> None:
        if self._show is None:
            return
        try:
            self._show(tickets)
        except Exception:  # nobody's picture fails for a preview
            log.exception("no previews could be made")
