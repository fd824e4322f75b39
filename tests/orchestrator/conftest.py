"""What tests of the HTTP surface share: a client of an app in process."""

import contextlib

import httpx
import pytest

from orchestrator.app import create_app
from orchestrator.vlm.scripted import ScriptedVlm


@pytest.fixture
def client_for(make_services):
    """A context manager: an HTTP client of an app with that VLM and those settings."""

    @contextlib.asynccontextmanager
    async def client_for(*answers, services=None, **settings):
        made = services or make_services(ScriptedVlm(answers), **settings)

        @contextlib.asynccontextmanager
        async def opened(_settings):
            yield made

        app = create_app(made.settings, opened)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                client.app, client.vlm = app, made.vlm
                yield client
        await made.turns.close()

    return client_for
