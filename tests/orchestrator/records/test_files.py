"""The record of files: each owner's own, in order, until deleted or expired; in SQLite and PostgreSQL alike."""

import time

import pytest

from orchestrator.records.files import FileRecord
from shared.errors import NotFound


def record(number=1, **changes):
    values = {
        "id": f"file-{number:024x}",
        "owner": "me",
        "filename": "a.png",
        "purpose": "vision",
        "bytes": 9,
        "original": f"{'a' * 64}.png",
        "pages": (f"{'b' * 64}.png", f"{'c' * 64}.png"),
        "created_at": float(1000 + number),
    }
    return FileRecord.model_validate(values | changes)


def numbers(page):
    return [int(each.id.removeprefix("file-"), 16) for each in page[0]], page[1]


def listed(records, **changes):
    options = {"limit": 10, "newest_first": True, "after": None, "purpose": None} | changes
    return numbers(records.page("me", **options))


def test_a_file_comes_back_as_it_was(file_records):
    file_records.add(record())
    assert file_records.get(record().id, "me") == record()


@pytest.mark.parametrize("file_id", ["file-none", "", "file-\0", f"file-{2:024x}", "file-" + "é" * 24])
def test_what_is_not_there_is_not_found(file_records, file_id):
    file_records.add(record())
    for act in (file_records.get, file_records.delete):
        with pytest.raises(NotFound):
            act(file_id, "me")


def test_somebody_elses_file_is_as_if_it_were_not_there(file_records):
    file_records.add(record())
    for act in (file_records.get, file_records.delete):
        with pytest.raises(NotFound):
            act(record().id, "you")
    with pytest.raises(NotFound):
        file_records.page("you", limit=1, newest_first=True, after=record().id, purpose=None)
    assert file_records.page("you", limit=1, newest_first=True, after=None, purpose=None) == ([], False)


def test_a_deleted_file_is_gone(file_records):
    file_records.add(record())
    file_records.delete(record().id, "me")
    assert listed(file_records) == ([], False)


def test_an_expired_file_is_gone(file_records):
    file_records.add(record(1, expires_at=time.time() - 1))
    file_records.add(record(2, expires_at=time.time() + 60))
    assert listed(file_records) == ([2], False)
    with pytest.raises(NotFound):
        file_records.get(record(1).id, "me")


def test_pages_follow_one_another_in_either_order_without_gap_or_repeat(file_records):
    for number in (1, 2, 3, 4, 5):
        file_records.add(record(number, created_at=1000.0 + number // 3))  # some made in the same moment
    assert listed(file_records, limit=2) == ([5, 4], True)
    assert listed(file_records, limit=2, after=record(4).id) == ([3, 2], True)
    assert listed(file_records, limit=2, after=record(2).id) == ([1], False)
    assert listed(file_records, limit=3, newest_first=False) == ([1, 2, 3], True)
    assert listed(file_records, limit=3, newest_first=False, after=record(3).id) == ([4, 5], False)


def test_a_list_can_be_of_one_purpose(file_records):
    file_records.add(record(1))
    file_records.add(record(2, purpose="user_data"))
    assert listed(file_records, purpose="user_data") == ([2], False)
