"""Whoever wants to know what becomes of jobs, told by the ledger right after each commit. Knows no metrics."""

from typing import NamedTuple

from shared.jobs import Job, JobKind, JobStatus


class JobEnd(NamedTuple):
    """A job that has ended."""

    kind: JobKind
    owner: str
    status: JobStatus
    code: str
    """Of its error; empty where it is done."""
    alone: bool
    """It may only have run where nothing else did."""
    run_s: float | None
    """Seconds since it was claimed last; None where it ended without a worker."""
    looked_up: bool
    """Its picture was painted before, for the same request."""


class JobObserver:
    """Does nothing; override what is of interest. Called from many threads; must be quick and raise nothing."""

    def submitted(self, job: Job) -> None:
        """It is in the ledger, and was not before."""

    def claimed(self, job: Job) -> None:
        """A worker begins an attempt."""

    def ended(self, end: JobEnd) -> None:
        """It will not change any more."""

    def lost(self, kind: JobKind, *, alone: bool) -> None:
        """Its worker fell silent. `alone`: nothing else ran there, so that the job is to blame."""

    def dropped(self, kind: JobKind, reason: str) -> None:
        """An attempt came to nothing here, and the job goes on elsewhere: `lease_lost` or `handed_back`."""
