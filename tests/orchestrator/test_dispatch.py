"""Jobs over a real Redis and a real ledger: their events arrive, and their end is found even where events are lost."""

import asyncio
import base64
import contextlib
import json

import pytest
import redis
import redis.asyncio

from orchestrator.dispatch import CeleryJobDispatcher
from orchestrator.reconciler import Reconciler, is_due
from shared.errors import WorkerUnavailable
from shared.event_log import EventReader, EventWriter
from shared.events import JobProgress, JobStarted
from shared.jobs import GenerateImage, JobStatus, new_job
from shared.presence import announce, this_worker
from shared.task_queue import make_celery
from workers.job_run import JobRunner


def fresh_job(seconds=30.0):
    return new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=seconds)


@pytest.fixture
def client(redis_url):
    client = redis.Redis.from_url(redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def celery(redis_url):
    app = make_celery(redis_url)
    yield app
    app.close()


@pytest.fixture
def dispatching(celery, client, redis_url, ledger):
    @contextlib.asynccontextmanager
    async def dispatching(grace_s=10.0):
        asynchronous = redis.asyncio.Redis.from_url(redis_url, socket_timeout=15)
        async with EventReader(asynchronous) as events:
            yield CeleryJobDispatcher(celery, ledger, events, asynchronous, grace_s)
        await asynchronous.aclose()

    return dispatching


async def collect(events):
    return [event async for event in events]


async def woken(client):
    """The wake-up that a worker would get."""
    async with asyncio.timeout(5):
        while not (message := client.lpop("diffusion")):  # noqa: ASYNC110 - Celery's list has no event to wait for
            await asyncio.sleep(0.01)
    return message


async def test_the_message_carries_the_id_and_the_events_come_back(dispatching, client, ledger, performed):
    announce(client, this_worker("diffusion", "m", "cpu"))
    runner = JobRunner(ledger, EventWriter(client), lease_s=15)
    job = fresh_job()
    async with dispatching() as dispatcher:
        following = asyncio.ensure_future(collect(dispatcher.run(job)))
        message = json.loads(await woken(client))
        args = base64.b64decode(message["body"]).decode()
        assert job.id in args
        assert "a cat" not in args
        await asyncio.to_thread(runner.run, job.id, performed)
        events = await following
    assert [event.type for event in events] == ["job_queued", "job_started", "job_finished"]
    assert ledger.get(job.id).status is JobStatus.DONE


async def test_an_end_without_events_is_found_in_the_ledger(dispatching, ledger, client, performed):
    announce(client, this_worker("diffusion", "m", "cpu"))

    class Deaf:
        def append(self, event):
            raise redis.ConnectionError

    job = fresh_job()
    async with dispatching() as dispatcher:
        following = asyncio.ensure_future(collect(dispatcher.run(job)))
        await woken(client)
        await asyncio.to_thread(JobRunner(ledger, Deaf(), 15).run, job.id, performed)
        assert [event.type for event in await following] == ["job_queued", "job_finished"]


async def test_without_a_worker_the_job_ends_and_says_what_to_do(dispatching, ledger):
    job = fresh_job()
    async with dispatching(grace_s=0.1) as dispatcher:
        with pytest.raises(WorkerUnavailable) as raised:
            async for _ in dispatcher.run(job):
                pass
    assert "diffusion worker" in raised.value.message
    assert ledger.get(job.id).error.code == "worker_unavailable"


async def test_what_a_worker_says_after_it_lost_its_job_is_not_shown(dispatching, client, ledger):
    announce(client, this_worker("diffusion", "m", "cpu"))
    writer, job, seen = EventWriter(client), fresh_job(), []
    async with dispatching() as dispatcher:
        async for event in dispatcher.run(job):
            seen.append(event)
            if event.type == "job_queued":
                writer.append(JobStarted(job_id=job.id, attempt=2))
                writer.append(JobProgress(job_id=job.id, attempt=1, step=9, total=9))
                writer.append(JobProgress(job_id=job.id, attempt=2, step=1, total=9))
            if event.type == "job_progress":
                ledger.cancel(job.id)
    assert [event.step for event in seen if event.type == "job_progress"] == [1]
    assert seen[-1].error.code == "job_cancelled"


async def test_many_jobs_are_followed_through_one_connection(redis_url, client):
    asynchronous = redis.asyncio.Redis.from_url(redis_url, socket_timeout=15)
    writer = EventWriter(client)

    async def first_events(reader, job_id):
        async with reader.follow(job_id) as queue:
            return [(await asyncio.wait_for(queue.get(), 5)).step for _ in range(3)]

    async with EventReader(asynchronous) as reader:
        waiting = [asyncio.create_task(first_events(reader, f"job_{n}")) for n in range(30)]
        await asyncio.sleep(0)
        for step in range(3):
            for n in range(30):
                writer.append(JobProgress(job_id=f"job_{n}", attempt=1, step=step, total=3))
        assert await asyncio.gather(*waiting) == [[0, 1, 2]] * 30
    assert 0 < client.ttl("diptych:events:job_0") <= 3600
    await asynchronous.aclose()


def test_wake_ups_are_damped():
    job = fresh_job()
    assert is_due(job, None, 0, now=100)
    assert not is_due(job, 100, 1, now=104)
    assert is_due(job, 100, 1, now=106)
    assert not is_due(job, 100, 3, now=115)
    assert is_due(job, 100, 30, now=161)
    orphan = job.model_copy(update={"status": JobStatus.RUNNING, "lease_until": 103.0})
    assert is_due(orphan, 100, 1, now=104)


def test_the_reconciler_sends_lost_jobs_again_and_only_now_and_then(celery, client, ledger):
    job = fresh_job()
    ledger.submit(job)
    reconciler = Reconciler(celery, ledger, max_attempts=3)
    for _ in range(5):
        reconciler.reconcile()
    assert client.llen("diffusion") == 1


def test_the_reconciler_ends_what_is_late_or_crashed_too_often(celery, client, ledger):
    late, crashing = fresh_job(seconds=-1), fresh_job()
    for job in (late, crashing):
        ledger.submit(job)
    for attempt in (1, 2, 3):
        ledger.claim(crashing.id, 15)
        ledger.renew(crashing.id, attempt, lease_s=-1)
    Reconciler(celery, ledger, max_attempts=3).reconcile()
    assert ledger.get(late.id).error.code == "deadline_exceeded"
    assert ledger.get(crashing.id).error.code == "worker_crashed"


def test_where_redis_is_away_jobs_stay_for_a_later_pass(ledger, unused_tcp_port, caplog):
    app = make_celery(f"redis://127.0.0.1:{unused_tcp_port}/0")
    for _ in range(3):
        ledger.submit(fresh_job())
    Reconciler(app, ledger, max_attempts=3).reconcile()
    assert [sends for _, _, sends in ledger.list_unheld()] == [0, 0, 0]
    assert len([record for record in caplog.records if "no wake-up" in record.message]) == 1
    app.close()
