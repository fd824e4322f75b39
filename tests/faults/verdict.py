"""What a run of jobs under faults comes to: what was lost, shown twice, or unlike what an undisturbed run gives."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shared.events import JobFailed, JobFinished
from shared.jobs import GeneratedImage, GenerateImage, JobStatus
from tests.faults.driving import Driver, Shown
from tests.faults.service import Runs, output_of


@dataclass(frozen=True)
class Verdict:
    jobs: int
    done: int
    lost: Sequence[str]
    """Accepted jobs that are neither done nor ended for a fault of their own, and how they stand."""
    duplicates: Sequence[str]
    """Jobs whose end was shown more than once, or not as the ledger has it."""
    different: Sequence[str]
    """Jobs whose result is not what an undisturbed run gives."""
    wasted_attempts: int
    """Runs of the service that began, less the jobs that were done."""

    @property
    def flawless(self) -> bool:
        return not (self.lost or self.duplicates or self.different)


def judge(driver: Driver, own_faults: Collection[str] = (), expected: Mapping[int, bytes] | None = None) -> Verdict:
    """`own_faults`: codes of errors that jobs may end with. `expected`: pictures of an undisturbed run, by seed; else
    those of the service that is a function."""
    lost, duplicates, different, done = [], [], [], 0
    accepted = [shown for shown in driver.shown if shown.events]
    for shown in accepted:
        job = driver.ledger.get(shown.job.id)
        if job.status is JobStatus.DONE and isinstance(job.output, GeneratedImage):
            done += 1
            if not _as_undisturbed(driver, shown, job.output, expected):
                different.append(job.id)
        elif not job.status.final or job.error is None or job.error.code not in own_faults:
            lost.append(f"{job.id}: {job.status} {job.error} attempt {job.attempt}, shown {shown.events[-1].type}")
        if _ends_shown(shown, job.output or job.error) != 1 or driver.ends[job.id] > 1:
            duplicates.append(f"{job.id}: {driver.ends[job.id]} on the wire, {[event.type for event in shown.events]}")
    begun = len(Runs(driver.house.folder.path).all())
    return Verdict(len(accepted), done, lost, duplicates, different, begun - done)


def _as_undisturbed(driver: Driver, shown: Shown, output: GeneratedImage, expected: Mapping[int, bytes] | None) -> bool:
    assert isinstance(shown.job.input, GenerateImage)
    if expected is None:
        return output == output_of(shown.job.input, driver.store)
    return driver.store.get(output.artifact) == expected[output.seed]


def _ends_shown(shown: Shown, end: object) -> int:
    """How often an end was shown; -1: one that the ledger does not know."""
    ends = [event for event in shown.events if isinstance(event, JobFinished | JobFailed)]
    known = [event for event in ends if (event.output if isinstance(event, JobFinished) else event.error) == end]
    return len(ends) if len(known) == len(ends) else -1
