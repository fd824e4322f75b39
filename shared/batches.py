"""A thread beside others' work: what they put is handled there, all that has come up since it last looked in one go.

Whoever puts never waits for the handling. Knows nothing of what is handled.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batches(Generic[T]):
    """Calls `handle`, which must not raise, with one thing or more, in the order in which they were put."""

    def __init__(self, handle: Callable[[Sequence[T]], None], name: str) -> None:
        """`name`: the thread's."""
        self._handle = handle
        self._queue: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, thing: T) -> None:
        """May be called from any thread. None cannot be put: it stands for the end."""
        self._queue.put(thing)

    def close(self) -> None:
        """When all is handled that was put before."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        closed = False
        while not closed:
            batch = [self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get())
            closed = None in batch
            if things := [thing for thing in batch if thing is not None]:
                self._handle(things)
