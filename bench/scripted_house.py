"""The orchestrator as it is, over HTTP, with stand-ins where models compute: for floods of requests that need no model.

The VLM says something short, or calls a tool now and then; jobs give a grey picture, or one line of text, at once.
"""

import contextlib
import itertools
import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from bench.quick_worker import perform
from cli.ports import free_port
from cli.redis_server import find_binary, prepare
from orchestrator.app import create_app, open_services
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.settings import OrchestratorSettings
from orchestrator.vlm.client import Offer, Sampling, VlmEnd, VlmEvent, VlmText, VlmToolCall
from orchestrator.wiring import Services
from shared.events import JobEvent, Usage
from shared.jobs import Queue
from shared.presence import key_of, this_worker
from workers.job_run import JobRunner

KEY = "scripted-house"
STARTS_WITHIN_S = 60.0


class BriefVlm:
    """Every fifth question that offers tools is answered by calling the first of them."""

    model = "brief"

    def __init__(self) -> None:
        self._asked = itertools.count()

    async def answer(self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> AsyncIterator[VlmEvent]:
        if sampling.response_format is not None:
            yield VlmText(text="{}")
        elif offer.tools and next(self._asked) % 5 == 0:
            name = offer.tools[0]["function"]["name"]
            yield VlmToolCall(call_id="call", name=name, arguments=json.dumps({"prompt": "a grey square"}))
        else:
            yield VlmText(text="It is grey.")
        yield VlmEnd(usage=Usage(prompt_tokens=7, completion_tokens=3))

    async def check(self) -> str:
        return self.model


class Emitter:
    """Takes a runner's events and hands them on."""

    def __init__(self, emit: Callable[[JobEvent], None]) -> None:
        self._emit = emit

    def append(self, stream: str, event: JobEvent) -> None:
        self._emit(event)


def in_process(services: Services) -> InProcessDispatcher:
    ledger, lease_s = services.ledger, services.settings.lease_s

    def work(job_id: str, emit: Callable[[JobEvent], None]) -> None:
        JobRunner(ledger, Emitter(emit), lease_s).run(job_id, lambda job: perform(job, services.store))

    return InProcessDispatcher(ledger, work)


@contextlib.contextmanager
def redis_of_our_own(folder: Path) -> Iterator[str]:
    """The URL of a Redis that ends with this."""
    binary = find_binary()
    if binary is None:
        raise SystemExit("There is no redis-server on this machine.")
    server = prepare(binary, folder, free_port())
    process = subprocess.Popen(server.command, stdout=subprocess.DEVNULL)
    try:
        yield server.url
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def scripted_house(folder: Path) -> Iterator[str]:
    """The base URL of a house that keeps everything below `folder`; its key is KEY."""

    @contextlib.asynccontextmanager
    async def opened(settings: OrchestratorSettings) -> AsyncIterator[Services]:
        async with open_services(settings) as services:
            for worker in Queue:
                presence = this_worker(worker, "scripted", "none")
                await services.redis.set(key_of(worker, presence.host, presence.pid), presence.model_dump_json())
            yield replace(services, vlm=BriefVlm(), dispatcher=in_process(services))

    with redis_of_our_own(folder / "redis") as redis_url:
        settings = OrchestratorSettings(data=folder, redis_url=redis_url, port=free_port(), api_key=SecretStr(KEY))
        server = uvicorn.Server(uvicorn.Config(create_app(settings, opened), port=settings.port, log_config=None))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            _wait_until(lambda: server.started)
            yield settings.base_url
        finally:
            server.should_exit = True
            thread.join(STARTS_WITHIN_S)


def _wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not done():
        if time.monotonic() > deadline:
            raise SystemExit("The orchestrator did not start.")
        time.sleep(0.05)
