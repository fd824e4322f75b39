"""Lets jobs into a worker process: several side by side, or one that must run alone. Knows no ledger."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from shared.jobs import Job


class Door:
    """One per process; its threads come through one at a time."""

    def __init__(self) -> None:
        self._claiming = threading.Lock()
        self._inside = 0
        self._left = threading.Condition()

    @property
    def inside(self) -> int:
        """How many jobs are inside now."""
        return self._inside

    @contextlib.contextmanager
    def enter(self, claim: Callable[[bool], Job | None], must_be_alone: Callable[[], bool]) -> Iterator[Job | None]:
        """A job that was claimed, inside while the context is open; None where there is none.

        Args:
            claim: takes a job; it is told whether nothing else is inside.
            must_be_alone: whether the next job is one that must run alone. It is waited for then, with the door shut,
                so that a steady stream of others cannot keep it out.
        """
        with contextlib.ExitStack() as shut:
            shut.enter_context(self._claiming)
            job = claim(self._inside == 0)
            if job is None and self._inside and must_be_alone():
                self._wait_until_empty()
                job = claim(True)
            if job is None:
                yield None
                return
            with self._counted():
                if not job.alone:
                    shut.close()  # others may come in
                yield job

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._left:
            self._inside += 1
        try:
            yield
        finally:
            with self._left:
                self._inside -= 1
                self._left.notify_all()

    def _wait_until_empty(self) -> None:
        with self._left:
            self._left.wait_for(lambda: self._inside == 0)
