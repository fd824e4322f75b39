"""Background tasks end when they are told to, also where a cancel got lost."""

import asyncio

import redis.asyncio
from redis.exceptions import RedisError

from shared.tasks import end


async def test_a_task_that_swallows_its_first_cancel_ends(monkeypatch):
    monkeypatch.setattr("shared.tasks.AGAIN_S", 0.01)
    swallowed = []

    async def work():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if swallowed:
                    raise
                swallowed.append(True)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await asyncio.wait_for(end(task), 10)
    assert task.cancelled()


async def test_tasks_that_read_from_redis_end_at_any_moment(redis_url, monkeypatch):
    monkeypatch.setattr("shared.tasks.AGAIN_S", 0.05)
    client = redis.asyncio.Redis.from_url(redis_url, socket_timeout=15)

    async def read():
        while True:
            try:
                await client.xread({"nothing": "0"}, block=50)
            except RedisError:
                continue

    async def read_for(seconds):
        task = asyncio.create_task(read())
        await asyncio.sleep(seconds)
        await asyncio.wait_for(end(task), 10)

    for _ in range(4):
        await asyncio.gather(*(read_for(moment / 1000) for moment in range(60)))
    await client.aclose()
