"""Builds what carries jobs to workers and back, with the reconciler and the watch running beside it."""

import contextlib
from collections.abc import AsyncIterator

import redis
import redis.asyncio
import sqlalchemy as sa

from orchestrator.dispatch import CeleryJobDispatcher
from orchestrator.job_watch import JobWatch
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.reconciler import Reconciler
from orchestrator.records.leadership import Leadership
from orchestrator.records.queues import QueueRecords, Standing
from orchestrator.settings import OrchestratorSettings
from orchestrator.waking import Waker
from shared.event_log import EventReader
from shared.ledger import Ledger
from shared.presence import process_name
from shared.task_queue import Sender, make_celery


@contextlib.asynccontextmanager
async def open_dispatcher(
    settings: OrchestratorSettings,
    engine: sa.Engine,
    ledger: Ledger,
    client: redis.asyncio.Redis,
    metrics: OrchestratorMetrics,
) -> AsyncIterator[CeleryJobDispatcher]:
    """A dispatcher that works while the context is open."""
    queues = QueueRecords(engine, metrics.jobs)
    metrics.watch_queues(queues)
    leadership = Leadership(engine, "reconciler", process_name())
    events: EventReader[Standing] = EventReader(client)
    with (
        redis.Redis.from_url(settings.redis_url, socket_timeout=3, socket_connect_timeout=3) as impatient,
        Sender(make_celery(settings.redis_url)) as sender,
        Waker(sender) as waker,
        Reconciler(sender, impatient, queues, leadership, settings.max_attempts, resent=metrics.resent),
    ):
        async with events, JobWatch(queues, client) as watch:
            yield CeleryJobDispatcher(
                ledger,
                queues,
                waker=waker,
                events=events,
                watch=watch,
                bound=settings.max_queued,
                grace_s=settings.worker_grace_s,
            )
