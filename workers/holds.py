"""The jobs that a worker process holds: one thread renews all their leases and learns which of them shall stop.

A service never waits for the ledger between its steps: it asks here, where the last answer stands.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from shared.errors import DeadlineExceeded, JobCancelled
from shared.jobs import Job
from shared.ledger import Held, Ledger
from shared.presence import process_name

BEAT_S = 0.2
"""How often the ledger is asked which jobs shall stop."""
log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker may hold the job now: stop, and change nothing."""


class HandedBack(Exception):
    """This process is to end: another worker shall begin the job anew."""


class Hold:
    """One job that is held."""

    def __init__(self, job: Job, valid_until: float) -> None:
        self._job = job
        self.valid_until = valid_until
        """On the monotonic clock."""
        self.reply_to = job.reply_to
        self.lost = self.cancelled = self.handed_back = False

    def check(self) -> None:
        """To be called between steps.

        Raises:
            LeaseLost, JobCancelled, DeadlineExceeded, HandedBack: the reasons not to go on.
        """
        if self.lost or time.monotonic() > self.valid_until:
            raise LeaseLost
        if self.cancelled:
            raise JobCancelled
        if time.time() > self._job.deadline:
            raise DeadlineExceeded("The job took longer than it may. Ask for fewer steps or a smaller picture.")
        if self.handed_back:
            raise HandedBack

    def learn(self, found: Held | None) -> None:
        """What the ledger says of the job; None: it knows another holder."""
        if found is None or found.attempt != self._job.attempt:
            self.lost = True
        else:
            self.cancelled, self.reply_to = found.cancel_requested, found.reply_to


class Holds:
    """All jobs that this process holds."""

    def __init__(self, ledger: Ledger, lease_s: float) -> None:
        self.holder = process_name()
        self._ledger, self._lease_s = ledger, lease_s
        self._holds: dict[str, Hold] = {}
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._ending = False
        threading.Thread(target=self._beat_forever, name="heartbeat", daemon=True).start()

    @contextlib.contextmanager
    def hold(self, job: Job) -> Iterator[Hold]:
        """Keep the lease of a job that was claimed a moment ago, while the context is open."""
        hold = Hold(job, time.monotonic() + self._lease_s)
        hold.handed_back = self._ending
        with self._lock:
            self._holds[job.id] = hold
        self._wanted.set()
        try:
            yield hold
        finally:
            with self._lock:
                self._holds.pop(job.id, None)
                if not self._holds:
                    self._wanted.clear()

    def hand_back(self) -> None:
        """Have every job end at its next step, for another worker to begin it anew."""
        self._ending = True
        with self._lock:
            for hold in self._holds.values():
                hold.handed_back = True

    def _beat_forever(self) -> None:
        pause = threading.Event()
        while True:
            self._wanted.wait()
            pause.wait(min(BEAT_S, self._lease_s / 3))  # most short jobs are over by then
            self._beat()

    def _beat(self) -> None:
        with self._lock:
            mine = dict(self._holds)
        now = time.monotonic()
        renew = any(hold.valid_until - now < self._lease_s * 2 / 3 for hold in mine.values())
        try:
            found = self._ledger.renew(self.holder, self._lease_s) if renew else self._ledger.held(self.holder)
        except SQLAlchemyError as error:  # the leases still run; the next beat may get through
            log.warning("the ledger did not answer a heartbeat: %s", error)
            return
        for job_id, hold in mine.items():
            hold.learn(found.get(job_id))
            if renew and not hold.lost:
                hold.valid_until = now + self._lease_s
