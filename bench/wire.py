"""`python -m bench.wire`: how long an empty task is under way, from being sent until its end is known.

Side by side in one run, one after the other in turn: a plain Redis list there and back (the limit), Celery on threads
as this house uses it with the reply on a Stream, Celery's own way (`prefork`, result backend, `get()`), and the whole
house with its ledger, from the dispatcher to a worker and back. One fsynced transaction is timed alone.
"""

import argparse
import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import redis
import redis.asyncio
import uvloop
from celery import Celery

from bench.report import publish
from bench.transaction import Transaction
from cli.child import python
from cli.folders import ROOT
from cli.plan import Part
from orchestrator.dispatch import CeleryJobDispatcher
from orchestrator.dispatching import open_dispatcher
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.migrating import migrate
from orchestrator.settings import OrchestratorSettings
from shared.database import open_engine
from shared.jobs import Queue, new_job
from shared.ledger import Ledger
from shared.task_queue import Sender, make_celery
from shared.text_jobs import ReadText
from tests.faults.house import House, wait_for

STREAM_RATIO, PREFORK_RATIO, TRANSACTIONS = 3.2, 2.0, 3
ASKED, ANSWERED, REPLIES = "bench:asked", "bench:answered", "bench:replies"
HOUSE, ONE = "the house, with its ledger", "one transaction"
WARM_UP = 10
EMPTY, OWN = "bench.empty", "bench.own"
NO_PICTURE = "0" * 64 + ".png"
"""The scripted reader opens none: its job is as empty as a job can be."""


def on_threads(url: str) -> Celery:
    """Our settings; an empty task whose reply goes on a Stream."""
    app, client = make_celery(url), redis.Redis.from_url(url)

    @app.task(name=EMPTY)
    def empty(number: str) -> None:
        client.xadd(REPLIES, {"number": number}, maxlen=1000)

    return app


def of_celerys_own(url: str) -> Celery:
    """Celery as its introduction has it: results come from the backend."""
    app = Celery("own", broker=url, backend=url)
    app.conf.update(task_serializer="json", accept_content=["json"], broker_connection_retry_on_startup=True)

    @app.task(name=OWN)
    def own(number: str) -> str:
        return number

    return app


def echo(url: str) -> None:
    """The plain list's worker."""
    client = redis.Redis.from_url(url)
    while True:
        found: Any = client.brpop(ASKED, timeout=5)
        if found:
            client.lpush(ANSWERED, found[1])


def serve(kind: str, url: str) -> None:
    """One worker process, until it is killed."""
    if kind == "echo":
        echo(url)
    app = on_threads(url) if kind == "threads" else of_celerys_own(url)
    pool = ["--pool=threads", "--concurrency=4"] if kind == "threads" else ["--pool=prefork", "--concurrency=1"]
    app.worker_main(
        ["worker", *pool, f"--queues=bench-{kind}", f"--hostname={kind}@bench", "--without-gossip", "--without-mingle"]
    )


def are_bound(house: House, *queues: str) -> bool:
    """Whether all these have a worker."""
    with contextlib.suppress(redis.RedisError):  # it has yet to start
        return all(house.client.exists(f"_kombu.binding.{queue}") for queue in queues)
    return False


@contextlib.contextmanager
def plain_workers(house: House) -> Iterator[None]:
    """The workers of the ways without a ledger, beside a house."""
    command = [sys.executable, "-m", "bench.wire", "--redis", house.redis_url, "--serve"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    workers = [subprocess.Popen([*command, kind], cwd=ROOT, **quiet) for kind in ("echo", "threads", "prefork")]
    try:
        wait_for(lambda: are_bound(house, "bench-threads", "bench-prefork", Queue.OCR), why=house.logs)
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait(10)


def reader(common: Mapping[str, str]) -> list[Part]:
    """The house's worker."""
    return [Part("worker-ocr", python("bench.quick_worker", "ocr"), {**common, "DIPTYCH_WORKER_NAME": "worker-ocr"})]


class Plain:
    """The ways without a ledger. Each takes a number there and waits until it is back."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)
        self._threads, self._prefork = Sender(on_threads(url)), of_celerys_own(url)
        self._position = "0"

    def by_list(self, number: str) -> None:
        self._redis.lpush(ASKED, number)
        assert self._redis.brpop([ANSWERED], timeout=30)

    def by_stream(self, number: str) -> None:
        self._threads.send(EMPTY, "bench-threads", number)
        answer: Any = self._redis.xread({REPLIES: self._position}, block=30_000)
        ((_, entries),) = answer
        self._position = entries[-1][0].decode()
        assert entries[-1][1][b"number"].decode() == number

    def by_result(self, number: str) -> None:
        assert self._prefork.send_task(OWN, args=[number], queue="bench-prefork").get(timeout=30) == number


def timed(way: Callable[[str], None], number: int) -> float:
    began = time.perf_counter()
    way(str(number))
    return (time.perf_counter() - began) * 1000


async def measure(house: House, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every way, taken in turn."""
    settings = OrchestratorSettings(data=house.folder.path, redis_url=house.redis_url)
    engine = open_engine(settings.ledger_url)
    migrate(engine)
    client = redis.asyncio.Redis.from_url(house.redis_url, socket_timeout=15)
    plain = Plain(house.redis_url)
    ways = {"list": plain.by_list, "celery threads, stream": plain.by_stream, "celery prefork, get()": plain.by_result}
    taken: dict[str, list[float]] = {name: [] for name in (*ways, HOUSE, ONE)}
    with Transaction(house.folder.path) as transaction:
        async with open_dispatcher(settings, engine, Ledger(engine), client, OrchestratorMetrics()) as dispatcher:
            await take_turns(dispatcher, ways, transaction, taken, rounds)
    await client.aclose()
    engine.dispose()
    return taken


async def take_turns(
    dispatcher: CeleryJobDispatcher,
    ways: Mapping[str, Callable[[str], None]],
    transaction: Transaction,
    taken: dict[str, list[float]],
    rounds: int,
) -> None:
    """Every way once a round; the first rounds do not count."""
    for number in range(-WARM_UP, rounds):
        took = {name: await asyncio.to_thread(timed, way, number) for name, way in ways.items()}
        job = new_job(ReadText(artifact=NO_PICTURE), owner="bench", seconds=60)
        began = time.perf_counter()
        events = [event async for event in dispatcher.run(job)]
        assert events[-1].type == "job_finished", events[-1]
        took[HOUSE] = (time.perf_counter() - began) * 1000
        took[ONE] = 1000 * await asyncio.to_thread(transaction.seconds)
        if number >= 0:
            for name, milliseconds in took.items():
                taken[name].append(milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=250)
    parser.add_argument("--serve", choices=["echo", "threads", "prefork"], help="be one of the workers")
    parser.add_argument("--redis", default="")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.redis)
        return
    with tempfile.TemporaryDirectory(prefix="diptych-wire-") as folder:
        house = House(Path(folder), workers=0, more=reader, lease_s=15)
        with house, plain_workers(house):
            taken = uvloop.run(measure(house, options.rounds))
    p50 = {name: float(np.median(values)) for name, values in taken.items()}
    rows = [
        {
            "way": name,
            "p50 ms": round(p50[name], 2),
            "p99 ms": round(float(np.percentile(values, 99)), 2),
            "x list": round(p50[name] / p50["list"], 2),
        }
        for name, values in taken.items()
    ]
    stream, prefork = p50["celery threads, stream"], p50["celery prefork, get()"]
    allowed = stream + TRANSACTIONS * p50[ONE]
    figures = {
        "rounds": options.rounds,
        "stream_to_list": round(stream / p50["list"], 2),
        "target_stream_to_list": STREAM_RATIO,
        "prefork_to_stream": round(prefork / stream, 2),
        "target_prefork_to_stream": PREFORK_RATIO,
        "house_ms": round(p50[HOUSE], 2),
        "house_allowed_ms": round(allowed, 2),
        "within_target": stream <= STREAM_RATIO * p50["list"]
        and prefork >= PREFORK_RATIO * stream
        and p50[HOUSE] <= allowed,
    }
    publish("wire", figures, rows)


if __name__ == "__main__":
    main()
