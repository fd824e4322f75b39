"""Generations as asyncio sees them: a bounded line in front of the one engine. Knows no HTTP framework."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from services.vlm.engine import Answer, Engine, Outcome, Prepared
from services.vlm.metrics import ServerMetrics
from services.vlm.output import Piece
from services.vlm.request import ChatRequest, parse_request
from shared.errors import Overloaded


class Generation:
    """One answer in the making. Iterate over its pieces, then await its outcome; abandon it when nobody wants it."""

    def __init__(
        self, engine: Engine, prepared: Prepared, worker: ThreadPoolExecutor, ended: Callable[[Outcome | None], None]
    ) -> None:
        """Starts at once, or when its turn comes. `ended` is told the outcome; None: it failed, or was abandoned."""
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        self._gone = threading.Event()
        self._job = worker.submit(engine.generate, prepared, self._emit, self._gone)
        self._done = asyncio.wrap_future(self._job)
        self._done.add_done_callback(lambda _: self._close(ended))

    async def __aiter__(self) -> AsyncIterator[Piece]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def outcome(self) -> Outcome:
        """How it ended; one that was abandoned before its turn came is empty."""
        await asyncio.wait([self._done])
        return Outcome("stop", 0, 0, 0) if self._done.cancelled() else self._done.result()

    async def answer(self) -> Answer:
        """The whole answer at once."""
        pieces = [piece async for piece in self]
        return Answer.of(pieces, await self.outcome())

    def abandon(self) -> None:
        """Leave the line, or end within one token. Does nothing to a generation that is over."""
        self._gone.set()
        self._job.cancel()

    def _close(self, ended: Callable[[Outcome | None], None]) -> None:
        # Asking for the exception marks it as seen: nobody may be left to ask for the outcome.
        whole = not self._done.cancelled() and self._done.exception() is None and not self._gone.is_set()
        self._pieces.put_nowait(None)
        ended(self._done.result() if whole else None)

    def _emit(self, piece: Piece) -> None:
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)


class Line:
    """The requests at one engine: one runs, a bounded number wait."""

    def __init__(self, engine: Engine, max_waiting: int, metrics: ServerMetrics) -> None:
        self._engine, self._metrics = engine, metrics
        self._all_places = self._places = max_waiting + 1
        metrics.watch_line(lambda: self._all_places - self._places)
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vlm")

    async def start(self, body: bytes) -> tuple[ChatRequest, Generation]:
        """Check a request body and put it in the line.

        Raises:
            Overloaded: the line is full.
            InvalidRequest: what is wrong with the body.
        """
        if self._places == 0:
            raise Overloaded("The VLM has too many requests waiting. Try again in a few seconds.")
        self._places -= 1
        try:
            request, prepared = await asyncio.to_thread(self._prepare, body)
            ended = partial(self._ended, time.monotonic())
            generation = Generation(self._engine, prepared, self._worker, ended)
        except BaseException:
            self._leave()
            raise
        return request, generation

    def close(self) -> None:
        """Let the running generation end by itself; the waiting ones are dropped."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, body: bytes) -> tuple[ChatRequest, Prepared]:
        request = parse_request(body)
        return request, self._engine.prepare(request)

    def _ended(self, began: float, outcome: Outcome | None) -> None:
        self._leave()
        if outcome is not None:
            self._metrics.answered(outcome, time.monotonic() - began)

    def _leave(self) -> None:
        self._places += 1
