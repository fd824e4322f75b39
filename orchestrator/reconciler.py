"""Finds open jobs that nobody holds and sends them again, ends those past their deadline or their attempts.

Damped: each further wake-up for the same job waits longer, so that a long queue or a lost broker does not multiply
messages. Several orchestrators may run it: every change is a compare-and-set, and a wake-up too many does nothing.
"""

import asyncio
import logging
import time

from celery import Celery
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.dispatch import send
from shared.errors import ErrorRecord
from shared.jobs import Job, JobStatus
from shared.ledger import Ledger

EVERY_S = 1.0
FIRST_RESEND_S = 5.0
SLOWEST_RESEND_S = 60.0
LATE = ErrorRecord(code="deadline_exceeded", message="The job was not done in time. Try again when less is waiting.")
CRASHED = ErrorRecord(
    code="worker_crashed", message="The worker died at this job every time it tried. Try another one."
)
log = logging.getLogger(__name__)


def is_due(job: Job, sent_at: float | None, sends: int, now: float) -> bool:
    """Whether it is time for another wake-up."""
    if sent_at is None or (job.lease_until is not None and sent_at < job.lease_until):
        return True  # never sent, or not since its holder fell silent
    return now - sent_at > min(FIRST_RESEND_S * 2 ** max(sends - 1, 0), SLOWEST_RESEND_S)


class Reconciler:
    def __init__(self, celery: Celery, ledger: Ledger, max_attempts: int) -> None:
        self._celery, self._ledger, self._max_attempts = celery, ledger, max_attempts

    async def run_forever(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.reconcile)
            except SQLAlchemyError as error:
                log.warning("the ledger did not answer the reconciler: %s", error)
            await asyncio.sleep(EVERY_S)

    def reconcile(self) -> None:
        """One pass over all jobs that are open and not held. Blocks."""
        now = time.time()
        for job, sent_at, sends in self._ledger.list_unheld():
            if job.cancel_requested:
                self._ledger.cancel(job.id)
            elif now > job.deadline:
                self._ledger.end_open(job.id, LATE)
            elif job.status is JobStatus.RUNNING and job.crashes + 1 >= self._max_attempts:
                log.error("%s crashed its worker %d times; it is not tried again", job.id, job.crashes + 1)
                self._ledger.end_open(job.id, CRASHED)
            elif is_due(job, sent_at, sends, now):
                log.info("%s is sent again (%d wake-ups so far)", job.id, sends)
                if not send(self._celery, self._ledger, job):
                    return  # the broker is away: the other jobs would wait for it one by one
