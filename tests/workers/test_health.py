"""`python -m workers.health`: what a container engine is told."""

import os
import socket
import subprocess
import sys

import pytest
import redis

from cli.folders import ROOT
from shared.presence import announce, this_worker, withdraw
from workers.health import is_announced


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()  # others' workers may have announced themselves there
        yield client


def health(role: str, redis_url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers.health", role],
        cwd=ROOT,
        env=os.environ | {"DIPTYCH_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_healthy_while_the_worker_announces_itself(client, redis_url):
    presence = this_worker("ocr", "reader", "cpu")
    announce(client, presence)
    assert health("ocr", redis_url).returncode == 0
    assert health("diffusion", redis_url).returncode == 1
    withdraw(client, presence)
    gone = health("ocr", redis_url)
    assert gone.returncode == 1
    assert "does not announce itself" in gone.stderr


def test_a_worker_elsewhere_says_nothing_of_this_container(client):
    elsewhere = this_worker("ocr", "reader", "cpu").model_copy(update={"host": "another"})
    announce(client, elsewhere)
    assert not is_announced(client, "ocr", socket.gethostname())
    assert is_announced(client, "ocr", "another")


def test_unhealthy_where_redis_is_away(unused_tcp_port):
    away = health("ocr", f"redis://127.0.0.1:{unused_tcp_port}/0")
    assert away.returncode == 1
    assert "Redis does not answer" in away.stderr


def test_an_unknown_role_is_refused(redis_url):
    assert health("painter", redis_url).stderr.startswith("Usage:")
