"""`python -m workers.health ROLE`: whether the worker of this machine (or container) announces itself.

For health checks of container engines. Knows nothing of queues: a worker announces itself from when it consumes.
"""

import socket
import sys

import redis
from redis.exceptions import RedisError

from shared.jobs import Queue
from shared.presence import key_of
from workers.settings import WorkerSettings


def is_announced(client: redis.Redis, role: str, host: str) -> bool:
    """Whether a worker of the role runs on the host. Raises redis.RedisError."""
    return any(client.scan_iter(match=key_of(role, host, "*"), count=1000))


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in list(Queue):
        sys.exit(f"Usage: python -m workers.health {'|'.join(Queue)}")
    settings = WorkerSettings.from_environment()
    client = redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)
    try:
        announced = is_announced(client, sys.argv[1], socket.gethostname())
    except RedisError as error:
        sys.exit(f"Redis does not answer: {error}")
    if not announced:
        sys.exit("The worker does not announce itself (any more).")


if __name__ == "__main__":
    main()
