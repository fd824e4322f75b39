"""A worker process: Celery consumes one queue on threads; each message is the id of a job that the runner then does.

The one place where a worker's objects are wired together. Models are loaded before this is called, so a worker that
consumes is a worker that is ready.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass

import redis
from celery import Celery
from redis.exceptions import RedisError

from shared.event_log import EventWriter
from shared.jobs import ROUTES, JobKind
from shared.ledger import Ledger, open_engine
from shared.presence import RENEW_S, WorkerPresence, announce, this_worker, withdraw
from shared.task_queue import make_celery
from workers.job_run import JobRunner, Perform
from workers.settings import WorkerSettings


@dataclass(frozen=True)
class Work:
    """What a worker process offers: one role, and how it does each kind of job that falls to it."""

    performs: Mapping[JobKind, Perform]
    model: str
    device: str


def serve(work: Work, settings: WorkerSettings) -> None:
    """Consume until SIGTERM, which lets running jobs end first."""
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    ledger = Ledger(open_engine(settings.ledger_url))
    runner = JobRunner(ledger, EventWriter(client), settings.lease_s)
    app = make_celery(settings.redis_url)
    for kind, perform in work.performs.items():
        register(app, runner, kind, perform)
    route = ROUTES[next(iter(work.performs))]  # all kinds of one role come on one queue
    presence = this_worker(route.worker, work.model, work.device)
    with present(client, presence):
        app.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={settings.worker_threads}",
                f"--queues={route.queue}",
                f"--hostname={route.worker}-{os.getpid()}@{socket.gethostname()}",
                "--without-gossip",
                "--without-mingle",
                "--loglevel=INFO",
            ]
        )
    ledger.close()


def register(app: Celery, runner: JobRunner, kind: JobKind, perform: Perform) -> None:
    """Have the worker take jobs of this kind."""

    @app.task(name=ROUTES[kind].task)
    def run_job(job_id: str) -> None:
        runner.run(job_id, perform)


@contextlib.contextmanager
def present(client: redis.Redis, presence: WorkerPresence):  # noqa: ANN201 - contextmanager's own type is clearest
    """Announce the worker from a thread while the context is open."""
    stop = threading.Event()

    def renew() -> None:
        while True:
            with contextlib.suppress(RedisError):
                announce(client, presence)
            if stop.wait(RENEW_S):
                return

    thread = threading.Thread(target=renew, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with contextlib.suppress(RedisError):
            withdraw(client, presence)
