"""What tests of the HTTP surface share: a client of an app in process, and OpenAI's own client over real HTTP."""

import asyncio
import contextlib
import socket

import httpx
import httpx2
import openai
import pytest
import redis
import uvicorn

from orchestrator.app import create_app
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.journal import Journal
from orchestrator.vlm.scripted import ScriptedVlm
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from shared.reading_profile import profile_path
from shared.task_queue import Sender, make_celery
from tests.conftest import ListSink
from tests.orchestrator.dying import Dying, Speaking
from tests.shared.test_reading_profile import seeing
from workers.job_run import JobRunner
from workers.ocr import performs


@pytest.fixture
def client_for(make_services):
    """A context manager: an HTTP client of an app with that VLM and those settings."""

    @contextlib.asynccontextmanager
    async def client_for(*answers, services=None, **settings):
        made = services or make_services(ScriptedVlm(answers), **settings)

        @contextlib.asynccontextmanager
        async def opened(_settings):
            async with made.runs:
                yield made
                await made.turns.close()

        app = create_app(made.settings, opened)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                client.app, client.house, client.vlm = app, made, made.vlm
                yield client

    return client_for


@pytest.fixture
def sdk_for(make_services):
    """A context manager: the SDK's client of a served app, where streams arrive as they are sent."""

    @contextlib.asynccontextmanager
    async def sdk_for(*answers, vlm=None, key="none", **options):
        house = make_services(vlm or ScriptedVlm(answers), **options)

        @contextlib.asynccontextmanager
        async def opened(_settings):
            async with house.runs:
                yield house

        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = create_app(house.settings, opened)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))
        serving = asyncio.create_task(server.serve([listening]))
        async with openai.AsyncOpenAI(
            base_url=f"http://127.0.0.1:{port}/v1",
            api_key=key,
            http_client=httpx2.AsyncClient(trust_env=False),
            max_retries=0,
            timeout=10,
        ) as client:
            client.house = house
            try:
                yield client
            finally:
                await house.turns.close()
                server.should_exit = True
                await serving

    return sdk_for


@pytest.fixture
def house_of(make_services, engine, client_for):
    """A context manager: a client of a house that dies after so many writes."""

    @contextlib.asynccontextmanager
    async def make(writes, vlm=None, **parts):
        running = Dying(engine, writes)
        services = make_services(vlm or Speaking(), **parts)
        object.__setattr__(services, "running", running)
        object.__setattr__(services, "journal", Journal(running))
        async with client_for(services=services) as client:
            yield client

    return make


@pytest.fixture
def redis_client(redis_url):
    """A client of the session's Redis, which is empty."""
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def sender(redis_url):
    with Sender(make_celery(redis_url)) as sender:
        yield sender


@pytest.fixture(scope="session")
def reader():
    return Reader.from_settings(OcrSettings())


@pytest.fixture
def dispatcher_to(ledger):
    """A function: a dispatcher whose jobs are done at once, each kind by the work of its real worker."""

    def dispatcher_to(kinds):
        def work(job_id, emit):
            JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, kinds[ledger.get(job_id).kind])

        return InProcessDispatcher(ledger, work)

    return dispatcher_to


@pytest.fixture
def reading(dispatcher_to, store, reader):
    """A dispatcher with the real reader behind it."""
    return dispatcher_to(performs(reader, store))


@pytest.fixture
def profiled(tmp_path):
    """A scripted model that sees pictures of up to 512 pixels as they are, and reads from 10 pixels on."""
    profile = seeing((64, 16), (512, 1024), (4096, 1024), reads_from=10)
    profile.model_copy(update={"model": "scripted"}).write(profile_path(tmp_path, "scripted"))
