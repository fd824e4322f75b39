"""The events of jobs, from workers to orchestrators, over Redis Streams: one stream for each orchestrator process.

A wire, not a record: what must last stands in the ledger, and whoever waits for a job's end asks there too. A job says
which stream its events go to; streams are bounded, and die an hour after the last event.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Generic, Self, TypeVar, cast

import redis
import redis.asyncio
from redis.exceptions import RedisError

from shared.batches import Batches
from shared.events import JobEvent, JobProgress, job_event_adapter
from shared.tasks import end

LIFETIME_S = 3600
PROGRESS_LIFETIME_S = 60
"""How long the last step of a job is known to those who do not follow it."""
MAX_EVENTS = 10_000
BLOCK_MS = 5000
News = TypeVar("News")
log = logging.getLogger(__name__)


class EventWriter:
    """Appends events, from workers. Use as a context: its thread sends what has come up, together, while it is open.

    Whoever appends never waits for Redis. Where it cannot be reached, events are lost: nobody sees the progress, and a
    job's end still stands in the ledger.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._events = Batches[tuple[str, JobEvent]](self._send_or_lose, "event-writer")

    def __enter__(self) -> Self:
        self._events.start()
        return self

    def __exit__(self, *_: object) -> None:
        """All that was appended is sent first."""
        self._events.close()

    def append(self, stream: str, event: JobEvent) -> None:
        """To a stream, in the order of the calls. May be called from any thread."""
        self._events.put((stream, event))

    def _send_or_lose(self, events: Sequence[tuple[str, JobEvent]]) -> None:
        try:
            self._send(events)
        except RedisError as error:
            log.warning("%d events could not be sent: %s", len(events), error)

    def _send(self, events: Sequence[tuple[str, JobEvent]]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for stream, event in events:
                pipe.xadd(stream, {"event": event.model_dump_json()}, maxlen=MAX_EVENTS, approximate=True)
            for stream in {stream for stream, _ in events}:
                pipe.expire(stream, LIFETIME_S)
            for event in {event.job_id: event for _, event in events if isinstance(event, JobProgress)}.values():
                pipe.set(_progress_key(event.job_id), f"{event.step}/{event.total}", ex=PROGRESS_LIFETIME_S)
            pipe.execute()


async def progress_of(client: redis.asyncio.Redis, job_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The last step of jobs, and of how many, as far as it was told lately. Raises redis.RedisError."""
    keys = [_progress_key(job_id) for job_id in job_ids]
    told = cast(list[bytes | None], await client.mget(keys) if keys else [])
    found: dict[str, tuple[int, int]] = {}
    for job_id, value in zip(job_ids, told, strict=True):
        if value is not None:
            step, _, total = value.decode().partition("/")
            found[job_id] = int(step), int(total)
    return found


def _progress_key(job_id: str) -> str:
    return f"diptych:progress:{job_id}"


class EventReader(Generic[News]):
    """Receives the events of all jobs of one process through one connection. Open with `async with`."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._redis = client
        self.stream = f"diptych:events:{secrets.token_hex(8)}"
        """Where the events of this process's jobs must go."""
        self._position = "0"
        self._followed: dict[str, asyncio.Queue[JobEvent | News]] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read_forever(), name="event-reader")
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._task)

    @contextlib.contextmanager
    def follow(self, job_id: str) -> Iterator["asyncio.Queue[JobEvent | News]"]:
        """A queue that receives the job's events while the context is open."""
        events: asyncio.Queue[JobEvent | News] = asyncio.Queue()
        self._followed[job_id] = events
        try:
            yield events
        finally:
            del self._followed[job_id]

    async def _read_forever(self) -> None:
        while True:
            try:
                streams = {self.stream: self._position}
                answer: Any = await self._redis.xread(cast(Any, streams), block=BLOCK_MS, count=200)
            except RedisError as error:
                log.warning("the event log cannot be read: %s", error)
                await asyncio.sleep(0.5)
                continue
            for _, entries in answer or []:
                self._hand_out(entries)

    def _hand_out(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        self._position = entries[-1][0].decode()
        for _, fields in entries:
            event = job_event_adapter.validate_json(fields[b"event"])
            followed = self._followed.get(event.job_id)
            if followed is not None:
                followed.put_nowait(event)
