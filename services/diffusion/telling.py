"""Tells followers what the engine has done, from a thread of its own, when the device has done it.

The engine's loop wakes one thread after a step, not all who wait: each that wakes holds the interpreter for a moment,
and the next step would wait for every one of them. Where telling takes longer than a step, steps are told together.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from services.diffusion.lane import Mark
from services.diffusion.tickets import Taken
from shared.batches import Batches

Show = Callable[[Sequence[Taken]], None]
log = logging.getLogger(__name__)


class News(NamedTuple):
    """Steps of one batch, which are done when the device has come to the mark."""

    taken: Sequence[Taken]
    mark: Mark


class Teller:
    """`show` is given the last step of each picture before its followers are told."""

    def __init__(self, show: Show | None) -> None:
        self._show = show
        self._news = Batches[News](self._spread, "teller")
        self._news.start()

    def tell(self, news: News) -> None:
        """These have taken a step."""
        self._news.put(news)

    def close(self) -> None:
        """When all is told."""
        self._news.close()

    def _spread(self, batches: Sequence[News]) -> None:
        latest = {taken.ticket: taken for news in batches for taken in news.taken}
        try:
            batches[-1].mark.synchronize()  # those before it are passed then
        except torch.AcceleratorError:  # the engine comes to the same mark, and ends it all
            return
        self._look(list(latest.values()))
        for ticket, taken in latest.items():
            ticket.tell(taken.step)

    def _look(self, taken: Sequence[Taken]) -> None:
        if self._show is None:
            return
        try:
            self._show(taken)
        except Exception:  # nobody's picture fails for a preview
            log.exception("no previews could be made")
