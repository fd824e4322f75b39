"""The record of idempotency keys: the first takes it, a repeat learns what came of it; SQLite and PostgreSQL alike."""

import os
import threading
import time

import pytest
import sqlalchemy as sa

from orchestrator.records.idempotency import KEPT_S, Answer, Claim, IdempotencyRecords, Mismatch, Running, keys

PRINT = "f" * 64
ANSWER = Answer(200, [("content-type", "application/json")], b"{}")


def claim(records, *, owner="me", key="k", fingerprint=PRINT, lease_s=60.0):
    return records.claim(owner, key, fingerprint, lease_s)


def test_the_first_takes_the_key_and_a_repeat_gets_its_answer(idempotency):
    first = claim(idempotency)
    assert isinstance(first, Claim)
    assert isinstance(claim(idempotency), Running)
    idempotency.finish(first, ANSWER)
    assert claim(idempotency) == ANSWER


def test_of_many_at_once_exactly_one_takes_the_key(idempotency):
    found = []
    threads = [threading.Thread(target=lambda: found.append(claim(idempotency))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(each).__name__ for each in found) == ["Claim"] + ["Running"] * 7


def test_another_request_with_the_same_key_is_a_mismatch_running_or_not(idempotency):
    first = claim(idempotency)
    assert isinstance(claim(idempotency, fingerprint="e" * 64), Mismatch)
    idempotency.finish(first, ANSWER)
    assert isinstance(claim(idempotency, fingerprint="e" * 64), Mismatch)


def test_keys_of_different_owners_have_nothing_to_do_with_each_other(idempotency):
    assert isinstance(claim(idempotency), Claim)
    assert isinstance(claim(idempotency, owner="you"), Claim)


def test_a_released_key_is_free(idempotency):
    idempotency.release(claim(idempotency))
    assert isinstance(claim(idempotency), Claim)


def test_the_key_of_a_process_that_died_is_taken_over_and_the_dead_one_changes_nothing(idempotency):
    dead = claim(idempotency, lease_s=-1)
    heir = claim(idempotency)
    assert isinstance(heir, Claim)
    idempotency.release(dead)
    idempotency.finish(dead, ANSWER)
    assert isinstance(claim(idempotency), Running)
    idempotency.finish(heir, ANSWER)
    idempotency.release(heir)
    assert claim(idempotency) == ANSWER


def test_a_renewed_lease_is_kept(idempotency):
    first = claim(idempotency, lease_s=-1)
    idempotency.renew(first, 60)
    assert isinstance(claim(idempotency), Running)


def test_an_answer_outlives_its_process(idempotency, engine, store):
    idempotency.finish(claim(idempotency), ANSWER)
    assert claim(IdempotencyRecords(engine, store)) == ANSWER


def test_a_large_answer_stands_outside_the_database_and_goes_with_its_key(idempotency, engine, tmp_path, monkeypatch):
    large = Answer(200, [], os.urandom(200_000))
    idempotency.finish(claim(idempotency), large)
    with engine.connect() as connection:
        assert connection.execute(sa.select(keys.c.body)).scalar() is None
    assert claim(idempotency) == large
    later = time.time() + KEPT_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert isinstance(claim(idempotency), Claim)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("body", [b"", None])
def test_an_empty_answer_is_not_one_that_was_too_large(idempotency, body):
    answer = Answer(200, [], body)
    idempotency.finish(claim(idempotency), answer)
    assert claim(idempotency) == answer
