"""A process that dies at any named point of a job's life loses nothing: the picture comes, the same one."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import sqlalchemy as sa

from cli.folders import ROOT
from cli.ports import free_port
from shared.artifacts import DirectoryArtifactStore
from shared.database import open_engine
from shared.job_table import jobs
from shared.jobs import JobStatus
from shared.ledger import Ledger
from tests.faults.house import House, orchestrator, wait_for
from tests.faults.service import output_of
from tests.faults.test_orchestrator_dies import IN_TURNS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
IN_WORKERS = (
    "claim.written",
    "claim.committed",
    "artifact.written",
    "artifact.kept",
    "commit.before",
    "commit.written",
    "commit.committed",
)
IN_ORCHESTRATORS = ("submit.written", "submit.committed", "reconcile.written", "reconcile.committed")
FAILPOINT = re.compile(r"\bfailpoint\(\"([^\"]+)\"\)")
AT_ONCE = 3


def named_in_code():
    files = (file for folder in ("shared", "orchestrator", "workers") for file in (ROOT / folder).rglob("*.py"))
    return {name for file in files for name in FAILPOINT.findall(file.read_text())}


def test_every_failpoint_of_the_code_is_tried():
    assert named_in_code() == {*IN_WORKERS, *IN_ORCHESTRATORS, *IN_TURNS}


class Armed:
    """A house whose processes die at a failpoint once its file is there."""

    def __init__(self, folder):
        self.folder, port = folder, free_port()
        armed = ",".join(f"{name}:{folder / name}" for name in (*IN_WORKERS, *IN_ORCHESTRATORS))
        environment = {"DIPTYCH_FAILPOINT": armed}
        self.house = House(folder, workers=2, environment=environment, more=lambda common: [orchestrator(common, port)])
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self.store = DirectoryArtifactStore(folder / "artifacts")

    def answers(self):
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def paint(self, prompt):
        """Ask until there is an answer, as clients do."""
        body = {"prompt": prompt, "diptych": {"seed": 7}}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                return self.client.post("/v1/images/generations", json=body)
            except httpx.TransportError:
                wait_for(self.answers, why=self.house.logs)
        raise AssertionError("there was no answer in time")

    def jobs_of(self, name):
        """All jobs that were submitted in the test of that failpoint, once all have ended."""
        ledger = Ledger(self.engine)

        def ended():
            with self.engine.connect() as connection:
                ids = connection.execute(sa.select(jobs.c.id)).scalars().all()
            made = [job for job in map(ledger.get, ids) if job.input.prompt.startswith(name)]
            return made if all(job.status.final for job in made) else None

        return wait_for(ended, why=self.house.logs)


@pytest.fixture(scope="module")
def armed(tmp_path_factory):
    armed = Armed(tmp_path_factory.mktemp("failpoints"))
    with armed.house as house:
        wait_for(armed.answers, why=house.logs)
        armed.engine = open_engine(f"sqlite:///{armed.folder}/ledger.db")
        yield armed
    armed.engine.dispose()
    armed.client.close()


@pytest.mark.parametrize("name", [*IN_WORKERS, *IN_ORCHESTRATORS])
def test_a_process_that_dies_there_loses_nothing(armed, name):
    file = armed.folder / name
    file.touch()
    if name.startswith("reconcile"):
        (armed.folder / "commit.before").touch()  # so that there is something to mend
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(armed.paint, [f"{name}-{number}" for number in range(AT_ONCE)]))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    wait_for(lambda: not file.exists())
    made = armed.jobs_of(name)
    assert len(made) >= AT_ONCE
    for job in made:
        assert (job.status, job.output) == (JobStatus.DONE, output_of(job.input, armed.store))
