"""Mends what crashes leave behind: jobs of silent workers wait again, late ones end, lost wake-ups are sent again.

Any orchestrator may run it, one at a time does. Damped: there are never more wake-ups under way than jobs that wait,
so neither a long queue nor a lost broker multiplies messages.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Self

import redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.records.leadership import Leadership
from orchestrator.records.queues import QueueRecords
from orchestrator.waking import send
from shared.errors import DeadlineExceeded, ErrorRecord
from shared.jobs import Queue
from shared.task_queue import Sender

EVERY_S = 1.0
LEAD_S = 5.0
"""After this much silence another orchestrator takes over."""
UNDER_WAY_S = 1.0
"""A job that waits for less than this may have a wake-up that is just being sent, or taken."""
MOST_AT_ONCE = 500
"""Wake-ups of one pass for one queue: what workers do until the next one."""
LATE = DeadlineExceeded("The job was not done in time. Try again when less is waiting.").record
CRASHED = ErrorRecord(
    code="worker_crashed", message="The worker died at this job every time it tried. Try another one."
)
log = logging.getLogger(__name__)


def unheard(_queue: Queue, _count: int) -> None:
    """For where nobody wants to know."""


class Reconciler:
    """Use as a context: its thread makes a pass every second while it is open."""

    def __init__(
        self,
        sender: Sender,
        client: redis.Redis,
        queues: QueueRecords,
        leadership: Leadership,
        max_attempts: int,
        *,
        resent: Callable[[Queue, int], None] = unheard,
    ) -> None:
        """`resent` is told how many wake-ups of a queue are sent again."""
        self._sender, self._redis, self._queues, self._leadership = sender, client, queues, leadership
        self._max_attempts, self._resent = max_attempts, resent
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._reconcile_forever, name="reconciler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        with contextlib.suppress(SQLAlchemyError):  # another waits until this one has been silent for long enough
            self._leadership.give_up()

    def _reconcile_forever(self) -> None:
        while not self._ending.wait(EVERY_S):
            try:
                self.reconcile()
            except SQLAlchemyError as error:
                log.warning("the ledger did not answer the reconciler: %s", error)
            except RedisError as error:
                log.warning("Redis did not answer the reconciler: %s", error)

    def reconcile(self) -> None:
        """One pass, where this orchestrator is the one whose turn it is. Blocks.

        Raises:
            SQLAlchemyError, RedisError: the pass is not complete; the next one goes on.
        """
        if not self._leadership.take(LEAD_S):
            return
        for job_id in self._queues.requeue_lost(CRASHED, self._max_attempts):
            log.warning("a worker fell silent; its job waits again, to run alone", extra={"job_id": job_id})
        self._queues.end_late(LATE)
        for queue in Queue:
            self._wake(queue)

    def _wake(self, queue: Queue) -> None:
        """As many wake-ups as waiting jobs have lost."""
        waiting = self._queues.waiting_ids(queue, since_s=UNDER_WAY_S, limit=MOST_AT_ONCE)
        if not waiting:
            return
        under_way = self._redis.llen(queue)  # Kombu's list of a queue goes by its name
        assert isinstance(under_way, int)  # noqa: S101 - the client's types also know an asynchronous one
        lost = waiting[under_way:]
        if lost:
            log.info("%d wake-ups for %s are sent again", len(lost), queue)
            self._resent(queue, len(lost))
        for job_id in lost:
            if not send(self._sender, queue, job_id):
                return  # the broker is away: each would wait for it in its turn
