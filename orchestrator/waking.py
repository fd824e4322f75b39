"""Wakes workers up through Celery, from a thread of its own, so that no request waits for a broker.

A wake-up says that a queue has work; the worker takes whichever job is next. One that gets lost is the reconciler's
to replace, so where the broker is away nothing is repeated here.
"""

import contextlib
import logging
import queue
import threading
from typing import Self

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from shared.jobs import Queue
from shared.task_queue import Sender

MOST_PENDING = 10_000
log = logging.getLogger(__name__)


def send(sender: Sender, to: Queue, job_id: str) -> bool:
    """One wake-up. Blocks. False: the broker is away."""
    try:
        sender.send(to.task, to, job_id)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("no wake-up could be sent: %s", error, extra={"job_id": job_id})
        return False
    return True


class Waker:
    """Use as a context: its thread runs while it is open."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._pending: queue.Queue[tuple[Queue, str] | None] = queue.Queue(MOST_PENDING)
        self._thread = threading.Thread(target=self._send_forever, name="waker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._drop_pending()
        self._pending.put(None)
        self._thread.join()

    def wake(self, to: Queue, job_id: str) -> None:
        """Returns at once."""
        with contextlib.suppress(queue.Full):  # the broker hangs
            self._pending.put_nowait((to, job_id))

    def _send_forever(self) -> None:
        while (wanted := self._pending.get()) is not None:
            if not send(self._sender, *wanted):
                self._drop_pending()  # each would wait for the broker in its turn

    def _drop_pending(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                if self._pending.get_nowait() is None:
                    self._pending.put(None)
                    return
