"""Which workers are alive: each renews a key of its own in Redis that dies soon after it does.

A hint for people and for quick refusals ("no painter is running"); jobs do not depend on it.
"""

import os
import secrets
import socket
import time
from collections.abc import Iterable

import redis
import redis.asyncio
from pydantic import ValidationError

from shared.jobs import Frozen, Queue

LIFETIME_S = 6
RENEW_S = 2.0


class WorkerPresence(Frozen):
    """One live worker process."""

    worker: Queue
    """The queue that it serves."""
    host: str
    pid: int
    model: str
    device: str
    slots: int
    """How many jobs it runs side by side."""
    since: float

    def is_named(self, name: str) -> bool:
        """Whether that is this process's name in the ledger."""
        return name.startswith(f"{self.host}:{self.pid}:")


def process_name() -> str:
    """A name for this process in the ledger, which no other ever has."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


def key_of(worker: str, host: str, pid: int | str) -> str:
    """The Redis key of a worker process; with `*` in places, a pattern for such keys."""
    return f"diptych:workers:{worker}:{host}:{pid}"


def this_worker(worker: Queue, model: str, device: str, slots: int = 1) -> WorkerPresence:
    host, pid = socket.gethostname(), os.getpid()
    return WorkerPresence(worker=worker, host=host, pid=pid, model=model, device=device, slots=slots, since=time.time())


def announce(client: redis.Redis, presence: WorkerPresence) -> None:
    """Renew the key. To be called every RENEW_S seconds. Raises redis.RedisError."""
    key = key_of(presence.worker, presence.host, presence.pid)
    client.set(key, presence.model_dump_json(), ex=LIFETIME_S)


def withdraw(client: redis.Redis, presence: WorkerPresence) -> None:
    """Say goodbye at a graceful stop. Raises redis.RedisError."""
    client.delete(key_of(presence.worker, presence.host, presence.pid))


async def live_workers(client: redis.asyncio.Redis) -> list[WorkerPresence]:
    """All workers that announced themselves lately. Raises redis.RedisError."""
    keys = [key async for key in client.scan_iter(match=key_of("*", "*", "*"), count=1000)]
    values = await client.mget(keys) if keys else []
    found = []
    for value in values:
        if value is not None:
            try:
                found.append(WorkerPresence.model_validate_json(value))
            except ValidationError:
                continue  # of another version of Diptych: not ours to count
    return found


def slots_of(workers: Iterable[WorkerPresence], queue: Queue) -> int:
    """How many jobs of a queue run side by side at most."""
    return sum(worker.slots for worker in workers if worker.worker == queue)
