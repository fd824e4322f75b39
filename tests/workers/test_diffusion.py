"""The painter's worker: jobs of both kinds through the runner, with the embedded painter."""

import io

import pytest
from PIL import Image

from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.jobs import QUEUES, EditImage, GenerateImage, JobKind, JobStatus, Queue, new_job
from shared.provenance import read_provenance
from tests.conftest import ListSink, png
from workers.diffusion import performs
from workers.job_run import JobRunner


@pytest.fixture(scope="module")
def painters():
    return Painters(DiffusionSettings())


@pytest.fixture
def done(painters, store, ledger):
    """A function that has a job done and gives back what became of it, and its events."""

    def do(work):
        job, events = new_job(work, owner="local", seconds=60).model_copy(update={"reply_to": "here"}), []
        ledger.submit(job)
        JobRunner(ledger, ListSink(events.append), lease_s=15).run(job.id, performs(painters, store)[job.kind])
        return ledger.get(job.id), events

    return do


def test_both_kinds_come_on_the_painters_one_queue(painters, store):
    assert {QUEUES[kind] for kind in performs(painters, store)} == {Queue.DIFFUSION}


def test_a_painted_picture_can_be_edited(done, store):
    painted, _ = done(GenerateImage(prompt="a red apple", seed=1, fast=True))
    source = painted.output.artifact
    edited, events = done(EditImage(prompt="a red apple at night", seed=1, steps=8, strength=0.5, source=source))

    assert (edited.status, edited.output.kind, edited.output.strength) == (JobStatus.DONE, JobKind.EDIT_IMAGE, 0.5)
    assert edited.output.prompt_tokens > 0
    kinds = [event.type for event in events]
    assert kinds[:3] == ["job_started", "job_prepared", "job_progress"]
    assert kinds.count("job_progress") == 4
    assert len(painted.output.noise) == painted.output.steps + 1
    assert painted.output.noise[0] > 0.99  # from pure noise, and an edit from what its strength means
    assert events[1].noise == edited.output.noise
    assert 0 < edited.output.noise[0] < 0.9
    assert edited.output.noise[-1] == 0
    assert sorted(edited.output.noise, reverse=True) == list(edited.output.noise)
    assert kinds[-1] == "job_finished"
    picture = store.get(edited.output.artifact)
    assert Image.open(io.BytesIO(picture)).size == (painted.output.width, painted.output.height)
    assert read_provenance(picture).edit.source == source


def test_what_was_painted_before_is_only_looked_up(done, store):
    work = GenerateImage(prompt="a red apple", seed=5, fast=True)
    first, _ = done(work)
    again, events = done(work)
    assert not first.output.kept
    assert again.output == first.output.model_copy(update={"kept": True})
    assert [event.type for event in events] == ["job_started", "job_finished"]
    fresh, events = done(work.model_copy(update={"fresh": True}))
    assert not fresh.output.kept
    assert fresh.output.artifact == first.output.artifact
    assert "job_progress" in [event.type for event in events]
    store.delete(first.output.artifact)
    assert not done(work)[0].output.kept


def test_all_candidates_of_the_best_are_kept(done, store):
    best, _ = done(GenerateImage(prompt="a red apple", seed=5, fast=True, best_of=3))
    assert best.output.artifact == best.output.candidates[0].artifact
    assert {each.seed for each in best.output.candidates} == {5, 6, 7}
    assert all(read_provenance(store.get(each.artifact)).seed == each.seed for each in best.output.candidates)


def test_an_edit_that_cannot_be_done_ends_with_a_sentence(done, store):
    source = store.put(png(64, 64), "image/png")
    job, _ = done(EditImage(prompt="a cat", seed=1, source=source, box=(0, 0, 65, 65)))
    assert (job.status, job.error.code) == (JobStatus.FAILED, "invalid_box")
    job, _ = done(EditImage(prompt="a cat", seed=1, source="0" * 64 + ".png"))
    assert (job.status, job.error.code) == (JobStatus.FAILED, "not_found")
