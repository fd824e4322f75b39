"""What all tests share: a house with a scripted VLM and an in-process dispatcher, and helpers to make pictures."""

import base64
import io
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from PIL import Image

from cli.ports import free_port
from cli.redis_server import find_binary
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.files import Files
from orchestrator.journal import Journal
from orchestrator.links import Links
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.planner import Planner
from orchestrator.records.conversation_items import ConversationItemRecords
from orchestrator.records.conversations import ConversationRecords
from orchestrator.records.ended_jobs import EndedJobs
from orchestrator.records.files import FileRecords
from orchestrator.records.idempotency import IdempotencyRecords
from orchestrator.records.queues import QueueRecords
from orchestrator.records.responses import ResponseRecords
from orchestrator.records.running import RunningRecords
from orchestrator.response_runs import ResponseRuns
from orchestrator.seats import Seats
from orchestrator.settings import OrchestratorSettings
from orchestrator.turns import TurnRunner
from orchestrator.uploads import Uploads
from orchestrator.wiring import Services
from shared.artifacts import DirectoryArtifactStore
from shared.jobs import EditImage, GeneratedImage, GenerateImage, Job
from shared.ledger import Ledger
from shared.text_jobs import ComposeText, Lettering, TextComposed, TextLine, TextRead
from shared.text_places import FindText, TextPlaces
from workers.job_run import JobRunner

os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # as the painter's worker has it (services/diffusion/alike.py)
pytest_plugins = ["tests.databases", "tests.spans", "tests.systems"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """With DIPTYCH_TEST_ALL set, as on a machine that has everything, leaving a test out is a failure."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "DIPTYCH_TEST_ALL" in os.environ:
        report.outcome, report.longrepr = "failed", f"DIPTYCH_TEST_ALL is set, but: {report.longrepr[-1]}"
    return report


def png(width: int = 32, height: int = 32, colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def unread(vlm, context):
    """A planner for a turn whose VLM has no profile, so that nothing is read first."""
    return Planner(vlm, context.dispatcher, context.conversation.store, Path("no such folder"), 1)


class ListSink:
    """Takes a runner's events and hands them on."""

    def __init__(self, emit: Callable) -> None:
        self._emit = emit

    def append(self, stream, event):
        self._emit(event)


@pytest.fixture
def ledger(engine):
    return Ledger(engine)


@pytest.fixture
def file_records(engine):
    return FileRecords(engine)


@pytest.fixture
def response_records(engine):
    return ResponseRecords(engine)


@pytest.fixture
def conversation_records(engine, response_records):
    return ConversationRecords(engine)


@pytest.fixture
def conversation_item_records(engine, conversation_records):
    return ConversationItemRecords(engine)


@pytest.fixture
def store(tmp_path):
    return DirectoryArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def performed(store):
    """What quick stand-ins for the two services do with a job: enough to test everything around a model."""

    def perform(job: Job):
        if isinstance(job.input, GenerateImage | EditImage):
            yield GeneratedImage(
                kind=job.input.kind,
                artifact=store.put(png(16, 16, "orange"), "image/png"),
                width=16,
                height=16,
                native_width=16,
                native_height=16,
                seed=job.input.seed,
                steps=job.input.steps or 4,
                guidance_scale=1.0,
                model="quick",
                seconds=0.01,
                unknown_words=tuple(word for word in job.input.prompt.split() if word == "zeppelin"),
            )
        elif isinstance(job.input, ComposeText):
            yield TextComposed(
                artifact=store.put(png(16, 16, "white"), "image/png"),
                source=job.input.source,
                width=16,
                height=16,
                lettering=Lettering(
                    text=job.input.text,
                    box=(1, 2, 15, 8),
                    size=8,
                    lines=1,
                    font="sans-bold",
                    colour=job.input.colour or "#111111",
                    outline=None,
                    plate=None,
                    contrast=21,
                ),
                read_back=job.input.text,
                exact=True,
                attempts=1,
                engine="quick",
                seconds=0.01,
            )
        elif isinstance(job.input, FindText):
            yield TextPlaces(heights=(), width=32, height=32, engine="quick", seconds=0.01)
        else:
            lines = tuple(TextLine(text=f"line {n}", box=(0, n, 9, n + 1), confidence=0.9) for n in range(1, 6))
            yield TextRead(lines=lines, width=32, height=32, engine="quick", seconds=0.01)

    return perform


@pytest.fixture
def dispatcher(ledger, performed):
    return InProcessDispatcher(
        ledger, lambda job_id, emit: JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, performed)
    )


@pytest.fixture
def links():
    return Links("http://127.0.0.1:8000", b"secret")


@pytest.fixture
def idempotency(engine, store):
    return IdempotencyRecords(engine, store)


@pytest.fixture
def make_services(
    *,
    engine,
    ledger,
    file_records,
    response_records,
    conversation_records,
    conversation_item_records,
    idempotency,
    store,
    dispatcher,
    links,
    tmp_path,
):
    """A function from a VLM (and settings) to the objects that requests use; Redis is left out."""

    def make(vlm, served_by=dispatcher, **settings):
        uploads, metrics = Uploads(store), OrchestratorMetrics()
        running = RunningRecords(engine, engine)
        made = OrchestratorSettings(data=tmp_path, **settings)
        return Services(
            settings=made,
            ledger=ledger,
            store=store,
            redis=None,
            dispatcher=served_by,
            queues=QueueRecords(engine),
            ended_jobs=EndedJobs(engine),
            vlm=vlm,
            planner=Planner(vlm, served_by, store, tmp_path, made.inspect_s),
            links=links,
            uploads=uploads,
            idempotency=idempotency,
            files=Files(file_records, store, uploads),
            turns=TurnRunner(metrics.turns),
            seats=Seats(made.max_turns),
            responses=response_records,
            running=running,
            journal=Journal(running),
            conversations=conversation_records,
            conversation_items=conversation_item_records,
            runs=ResponseRuns(running),
            metrics=metrics,
        )

    return make


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A real Redis of this test session's own, without persistence."""
    server = find_binary()
    assert server is not None, "there is no Redis on this machine"
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    client = redis.Redis.from_url(url)
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < deadline, "Redis did not start"
    client.close()
    yield url
    process.terminate()
    process.wait(10)
