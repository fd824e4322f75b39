"""Artifacts: written whole, found by hash, never outside their folder."""

import errno
import os

import pytest

from shared.artifacts import DirectoryArtifactStore, media_type_of
from shared.errors import NotFound, StorageFailed


@pytest.fixture
def store(tmp_path):
    return DirectoryArtifactStore(tmp_path / "artifacts")


def test_what_was_put_can_be_got(store):
    artifact_id = store.put(b"pixels", "image/png")
    assert store.get(artifact_id) == b"pixels"
    assert media_type_of(artifact_id) == "image/png"


def test_the_same_bytes_are_kept_once(store, tmp_path):
    assert store.put(b"pixels", "image/png") == store.put(b"pixels", "image/png")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("artifact_id", ["0" * 64 + ".png", "../../etc/passwd", "", "a.png", "0" * 64 + ".exe"])
def test_what_is_not_there_is_not_found(store, artifact_id):
    with pytest.raises(NotFound):
        store.get(artifact_id)


def test_what_cannot_be_written_leaves_nothing_behind_and_a_sentence_without_paths(store, tmp_path, monkeypatch):
    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as raised:
        store.put(b"pixels", "image/png")
    assert "(No space left on device)" in raised.value.message
    assert str(tmp_path) not in raised.value.message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_worked_out_from_an_artifact_is_kept_beside_it_and_goes_with_it(store, tmp_path):
    artifact_id = store.put(b"pixels", "image/png")
    assert store.derived(artifact_id, "text-1") is None

    store.derive(artifact_id, "text-1", b"words")
    store.derive(artifact_id, "text-1", b"other words")

    assert store.derived(artifact_id, "text-1") == b"other words"
    assert store.derived(artifact_id, "text-2") is None
    store.delete(artifact_id)
    assert store.derived(artifact_id, "text-1") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nothing_can_be_derived_from_what_is_not_there_or_under_a_name_that_leads_elsewhere(store):
    artifact_id = store.put(b"pixels", "image/png")
    for wrong_id, name in [("0" * 64 + ".png", "text"), ("../x", "text"), (artifact_id, "../x"), (artifact_id, "")]:
        assert store.derived(wrong_id, name) is None
        with pytest.raises(NotFound):
            store.derive(wrong_id, name, b"words")
