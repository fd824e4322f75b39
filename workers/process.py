"""A worker process: Celery consumes one queue on threads; each message has the runner do the queue's next job.

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
from celery.signals import setup_logging, worker_shutting_down
from redis.exceptions import RedisError

from shared.database import open_engine
from shared.event_log import EventWriter
from shared.jobs import QUEUES, JobKind, Queue
from shared.ledger import Ledger
from shared.metrics import expose
from shared.presence import RENEW_S, WorkerPresence, announce, this_worker, withdraw
from shared.task_queue import make_celery
from workers.job_run import JobRunner, Perform
from workers.metrics import WorkerMetrics
from workers.settings import WorkerSettings


@dataclass(frozen=True)
class Work:
    """What a worker process offers: one role, and how it does each kind of job that falls to it."""

    performs: Mapping[JobKind, Perform]
    model: str
    device: str
    threads: int = 4
    """Jobs at a time, where the settings do not say."""


def serve(work: Work, settings: WorkerSettings, metrics: WorkerMetrics) -> None:
    """Consume until SIGTERM. Running jobs have `worker_stop_s` to end then; what is left is handed back."""
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    threads = settings.worker_threads or work.threads
    ledger = Ledger(open_engine(settings.ledger_url), metrics)
    events = EventWriter(client)
    runner = JobRunner(ledger, events, settings.lease_s, metrics)
    metrics.watch_jobs(lambda: runner.inside, threads)
    expose(metrics.registry, settings)
    app = make_celery(settings.redis_url)
    (queue,) = {QUEUES[kind] for kind in work.performs}
    register(app, runner, queue, work.performs)
    hand_back = threading.Timer(settings.worker_stop_s, runner.hand_back)
    hand_back.daemon = True

    @worker_shutting_down.connect
    def stop(**_: object) -> None:
        runner.close()
        hand_back.start()

    @setup_logging.connect
    def keep_ours(**_: object) -> None:
        """Celery sets no logging up of its own where somebody answers this signal."""

    with events, present(client, this_worker(queue, work.model, work.device, threads)):
        app.worker_main(
            [
                "--quiet",  # its banner is no JSON
                "worker",
                "--pool=threads",
                f"--concurrency={threads}",
                f"--queues={queue}",
                f"--hostname={settings.worker_name or f'{queue}-{os.getpid()}'}@{socket.gethostname()}",
                "--without-gossip",
                "--without-mingle",
                "--loglevel=INFO",
            ]
        )
    ledger.close()


def register(app: Celery, runner: JobRunner, queue: Queue, performs: Mapping[JobKind, Perform]) -> None:
    """Have the worker take a job of this queue for each wake-up: the next one, which need not be the one it names."""

    @app.task(name=queue.task)
    def take_next(job_id: str) -> None:
        runner.run_next(queue, performs)


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
