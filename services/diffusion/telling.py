"""Tells followers what the engine has done, from a thread of its own.

The engine's loop wakes one thread after a step, not all who wait: each that wakes holds the interpreter for a moment,
and the next step would wait for every one of them. Where telling takes longer than a step, steps are told together.
"""

import logging
from collections.abc import Callable, Sequence

from services.diffusion.tickets import Ticket
from shared.batches import Batches

Show = Callable[[Sequence[Ticket]], None]
log = logging.getLogger(__name__)


class Teller:
    """`show` is given the tickets before their followers are told."""

    def __init__(self, show: Show | None) -> None:
        self._show = show
        self._news = Batches[Sequence[Ticket]](self._spread, "teller")
        self._news.start()

    def tell(self, tickets: Sequence[Ticket]) -> None:
        """These have taken a step."""
        self._news.put(tickets)

    def close(self) -> None:
        """When all is told."""
        self._news.close()

    def _spread(self, news: Sequence[Sequence[Ticket]]) -> None:
        steps = {ticket: ticket.picture.step for tickets in news for ticket in tickets}
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
