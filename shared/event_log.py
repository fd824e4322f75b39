"""The events of jobs, from workers to orchestrators, over Redis Streams: one stream per job, with a lifetime.

A wire, not a record: what must last stands in the ledger, and whoever waits for a job's end asks there too.
An orchestrator process follows all its jobs with one multiplexed blocking read.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from typing import Any, cast

import redis
import redis.asyncio
from redis.exceptions import RedisError

from shared.events import JobEvent, job_event_adapter

LIFETIME_S = 3600
MAX_EVENTS = 1000
BLOCK_MS = 5000
log = logging.getLogger(__name__)


def stream_of(job_id: str) -> str:
    return f"diptych:events:{job_id}"


class EventWriter:
    """Appends events, from workers. Blocks for one round trip; may be shared between threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def append(self, event: JobEvent) -> None:
        """Raises redis.RedisError where Redis cannot be reached."""
        key = stream_of(event.job_id)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.xadd(key, {"event": event.model_dump_json()}, maxlen=MAX_EVENTS, approximate=True)
            pipe.expire(key, LIFETIME_S)
            pipe.execute()


class EventReader:
    """Follows the events of many jobs through one connection. Open with `async with`."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._redis = client
        self._wake = f"diptych:wake:{secrets.token_hex(8)}"
        self._positions: dict[str, str] = {self._wake: "0"}
        self._queues: dict[str, asyncio.Queue[JobEvent]] = {}

    async def __aenter__(self) -> "EventReader":
        self._task = asyncio.create_task(self._read_forever(), name="event-reader")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    @contextlib.asynccontextmanager
    async def follow(self, job_id: str) -> AsyncIterator["asyncio.Queue[JobEvent]"]:
        """A queue that receives the job's events, from its first one on, while the context is open."""
        key = stream_of(job_id)
        queue: asyncio.Queue[JobEvent] = asyncio.Queue()
        self._queues[key] = queue
        self._positions[key] = "0"
        await self._wake_reader()
        try:
            yield queue
        finally:
            self._queues.pop(key, None)
            self._positions.pop(key, None)

    async def _wake_reader(self) -> None:
        """End the blocking read, so that the next one includes the new stream."""
        with contextlib.suppress(RedisError):
            await self._redis.xadd(self._wake, {"wake": "1"}, maxlen=10)
            await self._redis.expire(self._wake, LIFETIME_S)

    async def _read_forever(self) -> None:
        while True:
            try:
                answer: Any = await self._redis.xread(cast(Any, dict(self._positions)), block=BLOCK_MS, count=200)
            except RedisError as error:
                log.warning("the event log cannot be read: %s", error)
                await asyncio.sleep(0.5)
                continue
            for key, entries in answer or []:
                self._hand_out(key.decode(), entries)

    def _hand_out(self, key: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        if key not in self._positions:
            return
        self._positions[key] = entries[-1][0].decode()
        queue = self._queues.get(key)
        if queue is not None:
            for _, fields in entries:
                queue.put_nowait(job_event_adapter.validate_json(fields[b"event"]))
