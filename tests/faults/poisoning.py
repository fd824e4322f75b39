"""Jobs that crash their worker at every attempt, among others that do not."""

from shared.events import JobFailed
from shared.jobs import GenerateImage
from tests.faults.driving import Driver, work

NEIGHBOURS = 6
"""Sound jobs for each poisonous one."""


def poisoned(count: int) -> list[GenerateImage]:
    """So many poisonous jobs, each among its neighbours."""
    return [
        work(number, "crash" if number % (NEIGHBOURS + 1) == 0 else "a cat")
        for number in range(count * (NEIGHBOURS + 1))
    ]


def unlike_poison(driver: Driver, most_crashes: int) -> list[str]:
    """What did not go as it should: a poisonous job must fail after at most so many crashes alone, and say why."""
    wrong = []
    for shown in driver.shown:
        if shown.job.input.prompt == "crash":
            job = driver.ledger.get(shown.job.id)
            told = isinstance(shown.end, JobFailed) and shown.end.error.code
            if told != "worker_crashed" or not 1 <= job.crashes_alone <= most_crashes:
                wrong.append(f"{job.id}: {told}, {job.crashes} crashes, {job.crashes_alone} alone")
    return wrong
