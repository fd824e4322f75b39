"""Jobs over a real Redis and a real ledger: their events arrive, and their end is found even where events are lost."""

import asyncio
import base64
import contextlib
import json
import threading

import pytest
import redis
import redis.asyncio

from orchestrator.cancelling import cancel_job
from orchestrator.dispatching import open_dispatcher
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.settings import OrchestratorSettings
from shared.errors import NotFound, Overloaded, WorkerUnavailable
from shared.event_log import EventReader, EventWriter
from shared.events import JobLine, JobProgress, JobStarted
from shared.jobs import GenerateImage, JobStatus, Queue, new_job
from shared.presence import announce, this_worker
from shared.text_jobs import TextLine
from workers.job_run import JobRunner


def fresh_job(seconds=30.0, owner="local"):
    return new_job(GenerateImage(prompt="a cat", seed=1), owner=owner, seconds=seconds)


@pytest.fixture
def dispatching(redis_url, redis_client, ledger, engine):
    """A context manager: a dispatcher with all that runs beside it."""

    @contextlib.asynccontextmanager
    async def dispatching(url=redis_url, **settings):
        made = OrchestratorSettings(redis_url=url, **settings)
        async with (
            redis.asyncio.Redis.from_url(url, socket_timeout=15) as asynchronous,
            open_dispatcher(made, engine, ledger, asynchronous, OrchestratorMetrics()) as dispatcher,
        ):
            yield dispatcher

    return dispatching


@pytest.fixture
def painter_lives(redis_client):
    announce(redis_client, this_worker(Queue.DIFFUSION, "m", "cpu", slots=2))


async def collect(events):
    return [event async for event in events]


@pytest.fixture
def writer(redis_client):
    with EventWriter(redis_client) as writer:
        yield writer


async def woken(redis_client):
    """The wake-up that a worker would get."""
    async with asyncio.timeout(5):
        while not (message := redis_client.lpop("diffusion")):  # noqa: ASYNC110 - Celery's list has no event to wait for
            await asyncio.sleep(0.01)
    return message


@pytest.mark.usefixtures("painter_lives")
async def test_the_message_carries_the_id_and_the_events_come_back(
    dispatching, redis_client, writer, ledger, performed
):
    runner = JobRunner(ledger, writer, lease_s=15)
    job = fresh_job()
    async with dispatching() as dispatcher:
        following = asyncio.ensure_future(collect(dispatcher.run(job)))
        message = json.loads(await woken(redis_client))
        args = base64.b64decode(message["body"]).decode()
        assert job.id in args
        assert "a cat" not in args
        await asyncio.to_thread(runner.run, job.id, performed)
        events = await following
    assert [event.type for event in events] == ["job_queued", "job_started", "job_finished"]
    assert ledger.get(job.id).status is JobStatus.DONE


async def test_an_end_without_events_is_found_in_the_ledger(
    dispatching, ledger, redis_client, performed, painter_lives
):
    class Mute:
        def append(self, stream, event):
            """As where Redis was lost."""

    job = fresh_job()
    async with dispatching() as dispatcher:
        following = asyncio.ensure_future(collect(dispatcher.run(job)))
        await woken(redis_client)
        await asyncio.to_thread(JobRunner(ledger, Mute(), 15).run, job.id, performed)
        assert [event.type for event in await following] == ["job_queued", "job_finished"]


@pytest.mark.usefixtures("painter_lives")
async def test_a_job_that_is_asked_for_again_is_followed_and_not_done_again(
    dispatching, ledger, redis_client, writer, performed
):
    job = fresh_job()
    async with dispatching() as dispatcher:
        first = asyncio.ensure_future(collect(dispatcher.run(job)))
        await woken(redis_client)
        await asyncio.to_thread(JobRunner(ledger, writer, 15).run, job.id, performed)
        ended = (await first)[-1]
        again = await collect(dispatcher.run(job))
    assert (again[0].type, again[0].place, again[1:]) == ("job_queued", None, [ended])
    assert ledger.get(job.id).attempt == 1


async def test_without_a_worker_the_job_ends_and_says_what_to_do(dispatching, ledger):
    job = fresh_job()
    async with dispatching(worker_grace_s=0.1) as dispatcher:
        with pytest.raises(WorkerUnavailable) as raised:
            async for _ in dispatcher.run(job):
                pass
    assert "diffusion worker" in raised.value.message
    assert ledger.get(job.id).error.code == "worker_unavailable"


async def test_what_a_worker_says_after_it_lost_its_job_is_not_shown(dispatching, writer, ledger, painter_lives):
    job, seen = fresh_job(), []
    async with dispatching() as dispatcher:
        async for event in dispatcher.run(job):
            seen.append(event)
            if event.type == "job_queued":
                stream = ledger.get(job.id).reply_to
                writer.append(stream, JobStarted(job_id=job.id, attempt=2))
                writer.append(stream, JobProgress(job_id=job.id, attempt=1, step=9, total=9))
                late = TextLine(text="late", box=(0, 0, 1, 1), confidence=1)
                writer.append(stream, JobLine(job_id=job.id, attempt=1, step=9, line=late))
                line = late.model_copy(update={"text": "in time"})
                writer.append(stream, JobLine(job_id=job.id, attempt=2, step=1, line=line))
                writer.append(stream, JobProgress(job_id=job.id, attempt=2, step=1, total=9))
            if event.type == "job_progress":
                ledger.cancel(job.id)
    assert [event.step for event in seen if event.type == "job_progress"] == [1]
    assert [event.line.text for event in seen if event.type == "job_line"] == ["in time"]
    assert seen[-1].error.code == "job_cancelled"


async def test_a_waiting_job_tells_its_place_and_when_it_is_likely_done(
    dispatching, ledger, writer, performed, painter_lives
):
    runner = JobRunner(ledger, writer, lease_s=15)
    jobs = [fresh_job() for _ in range(3)]
    async with dispatching() as dispatcher:
        runs = [dispatcher.run(job) for job in jobs]
        queued = [await anext(run) for run in runs]
        assert [(event.place, event.eta_s) for event in queued] == [(1, None), (2, None), (3, None)]
        await asyncio.to_thread(runner.run, jobs[0].id, performed)
        rest = asyncio.ensure_future(collect(runs[2]))
        moved = await asyncio.wait_for(anext(runs[1]), 5)
        assert (moved.type, moved.place) == ("job_queued", 1)
        assert 0 <= moved.eta_s < 30
        for job in jobs:
            ledger.cancel(job.id)
        assert (await rest)[-1].error.code == "job_cancelled"
        assert (await collect(runs[0]))[-1].type == "job_finished"
        await runs[1].aclose()


async def test_a_full_queue_refuses_the_next_job_of_that_key(dispatching, painter_lives):
    async with dispatching(max_queued=1) as dispatcher:
        waiting = dispatcher.run(fresh_job())
        await anext(waiting)
        with pytest.raises(Overloaded, match="of your jobs"):
            await anext(dispatcher.run(fresh_job()))
        other = dispatcher.run(fresh_job(owner="other"))
        assert (await anext(other)).place == 2
        await waiting.aclose()
        await other.aclose()


async def test_many_jobs_are_followed_through_one_stream(redis_url, redis_client, writer):
    async def first_events(reader, job_id):
        with reader.follow(job_id) as queue:
            return [(await asyncio.wait_for(queue.get(), 5)).step for _ in range(3)]

    async with (
        redis.asyncio.Redis.from_url(redis_url, socket_timeout=15) as asynchronous,
        EventReader(asynchronous) as reader,
    ):
        waiting = [asyncio.create_task(first_events(reader, f"job_{n}")) for n in range(30)]
        await asyncio.sleep(0)
        for step in range(3):
            for n in range(30):
                writer.append(reader.stream, JobProgress(job_id=f"job_{n}", attempt=1, step=step, total=3))
        assert await asyncio.gather(*waiting) == [[0, 1, 2]] * 30
        assert 0 < redis_client.ttl(reader.stream) <= 3600


async def test_a_broker_that_is_away_keeps_nobody_waiting(dispatching, ledger, unused_tcp_port):
    job = fresh_job()
    async with dispatching(url=f"redis://127.0.0.1:{unused_tcp_port}/0") as dispatcher:
        run = dispatcher.run(job)
        assert (await asyncio.wait_for(anext(run), 5)).place == 1
        ledger.cancel(job.id)
        assert (await collect(run))[-1].error.code == "job_cancelled"


async def test_who_is_cancelled_while_submitting_leaves_no_job_behind(dispatching, ledger, monkeypatch):
    job, submit, reached, may_go_on = fresh_job(), ledger.submit, threading.Event(), threading.Event()

    def slow(*args):
        reached.set()
        may_go_on.wait(5)
        return submit(*args)

    monkeypatch.setattr(ledger, "submit", slow)
    async with dispatching() as dispatcher:
        following = asyncio.ensure_future(collect(dispatcher.run(job)))
        await asyncio.to_thread(reached.wait, 5)
        following.cancel()
        assert not (await asyncio.wait({following}, timeout=0.1))[0]
        may_go_on.set()
        await asyncio.wait({following}, timeout=5)
        assert following.cancelled()
        await cancel_job(ledger, job.id)
    assert ledger.get(job.id).status is JobStatus.CANCELLED


async def test_a_job_that_was_never_submitted_is_stopped_by_doing_nothing(ledger):
    job = fresh_job()
    await cancel_job(ledger, job.id)
    with pytest.raises(NotFound):
        ledger.get(job.id)
