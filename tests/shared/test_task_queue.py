"""The broker's connection of those who send."""

import pytest
from kombu.exceptions import OperationalError

from shared.task_queue import Sender, make_celery


def test_where_redis_is_away_sending_fails_without_a_second_try(unused_tcp_port, monkeypatch):
    monkeypatch.setattr(
        "kombu.utils.functional.sleep", lambda seconds: pytest.fail(f"it waits {seconds} s to try again")
    )
    with Sender(make_celery(f"redis://127.0.0.1:{unused_tcp_port}/0")) as sender, pytest.raises(OperationalError):
        sender.send("task", "queue", "job_1")
