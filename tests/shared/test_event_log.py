"""Events on their way to Redis: in order, without anybody waiting, and lost where there is no Redis."""

import threading

import pytest
import redis

from shared.event_log import EventWriter
from shared.events import JobProgress, job_event_adapter


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


def progress(step: int, job_id: str = "job_1") -> JobProgress:
    return JobProgress(job_id=job_id, attempt=1, step=step, total=100)


def test_what_was_appended_is_there_in_its_order_when_the_writer_is_closed(client):
    with EventWriter(client) as writer:
        for step in range(100):
            writer.append("one", progress(step))
            writer.append("other", progress(2 * step % 100, "job_2"))
    events = [job_event_adapter.validate_json(fields[b"event"]) for _, fields in client.xrange("one")]
    assert [event.step for event in events] == list(range(100))
    assert client.xlen("other") == 100
    assert client.get("diptych:progress:job_1") == b"99/100"
    assert client.get("diptych:progress:job_2") == b"98/100"
    assert 0 < client.ttl("one") <= 3600


def test_who_appends_does_not_wait_for_redis():
    asked, answer = threading.Event(), threading.Event()

    class Slow(redis.Redis):
        def pipeline(self, *args, **options):
            asked.set()
            assert answer.wait(30)
            raise redis.ConnectionError("gone")

    with EventWriter(Slow()) as writer:
        writer.append("one", progress(0))
        assert asked.wait(30)
        for step in range(1000):
            writer.append("one", progress(step))
        answer.set()


def test_events_are_lost_without_redis_and_that_is_all(unused_tcp_port, caplog):
    with EventWriter(redis.Redis(port=unused_tcp_port)) as writer:
        writer.append("one", progress(1))
    assert "1 events could not be sent" in caplog.text
