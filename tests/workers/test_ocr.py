"""The reader's worker: jobs of all its kinds through the runner, with the real reader."""

import pytest

from services.ocr.reader import Reader
from shared.imaging import render_pdf
from shared.jobs import QUEUES, JobStatus, Queue
from shared.text_jobs import ReadText
from shared.text_places import KEPT_AS, FindText, TextPlaces
from tests.services.ocr.documents import invoice, pdf
from tests.services.ocr.pages import PAGE_LINES, png, strip
from workers.ocr import performs


@pytest.fixture
def works(reader, store):
    return performs(reader, store)


def test_all_kinds_come_on_the_readers_one_queue(works):
    assert {QUEUES[kind] for kind in works} == {Queue.OCR}


def test_where_text_is_is_kept_beside_the_picture(done, store):
    artifact = store.put(png(strip(0, 4)), "image/png")
    job, events = done(FindText(artifact=artifact))
    assert len(job.output.heights) == 4
    assert TextPlaces.model_validate_json(store.derived(artifact, KEPT_AS)) == job.output
    assert [event.type for event in events] == ["job_started", "job_finished"]


def test_where_text_is_is_looked_for_once(done, store, monkeypatch):
    artifact = store.put(png(strip(0, 4)), "image/png")
    first, _ = done(FindText(artifact=artifact))
    monkeypatch.setattr("workers.ocr.inspect", None)
    again, _ = done(FindText(artifact=artifact))
    assert again.output == first.output


def test_lines_are_told_as_they_are_read(done, store):
    job, events = done(ReadText(artifact=store.put(png(strip(0, 4)), "image/png")))

    assert job.output.text.splitlines() == PAGE_LINES[:4]
    told = [event for event in events if event.type == "job_line"]
    assert tuple(event.line for event in told) == job.output.lines
    assert [event.step for event in told] == [2, 3, 4, 5]
    assert {event.attempt for event in told} == {1}
    assert events[-1].type == "job_finished"


def test_what_was_read_before_is_looked_up(done, store, reader, monkeypatch):
    artifact = store.put(png(strip(0, 4)), "image/png")
    first, _ = done(ReadText(artifact=artifact))
    calls = []
    monkeypatch.setattr(reader, "read", lambda *given: calls.append(given) or iter(()))

    again, events = done(ReadText(artifact=artifact))

    assert calls == []
    assert again.output.lines == first.output.lines
    assert again.output.seconds < first.output.seconds
    assert [event.type for event in events] == ["job_started", "job_finished"]


def test_the_page_of_a_pdf_is_its_own_text_and_is_kept_like_what_was_read(done, store):
    (page,) = render_pdf(pdf(invoice))
    artifact = store.put(page.png, "image/png")
    first, events = done(ReadText(artifact=artifact))
    again, _ = done(ReadText(artifact=artifact))

    assert first.output.text.splitlines()[0] == "Invoice 2026-0058 of Ada Byron"
    assert {line.source for line in first.output.lines} == {"layer"}
    assert [event.line for event in events if event.type == "job_line"] == list(first.output.lines)
    assert again.output.lines == first.output.lines


def test_another_region_and_another_setting_are_read_anew(done, store, reader):
    artifact = store.put(png(strip(0, 4)), "image/png")
    whole, _ = done(ReadText(artifact=artifact))
    part, _ = done(ReadText(artifact=artifact, box=(0, 0, 1000, 25)))
    strict = Reader(reader.models, reader.settings.model_copy(update={"ocr_min_confidence": 1.0}))
    nothing, _ = done(ReadText(artifact=artifact), works=performs(strict, store))

    assert whole.output.text.splitlines() == PAGE_LINES[:4]
    assert part.output.text == PAGE_LINES[0]
    assert len(nothing.output.lines) < 4
    assert "could not be read" in nothing.output.note


def test_a_reading_that_time_cut_short_is_not_kept(done, store, reader):
    artifact = store.put(png(strip(0, 4)), "image/png")
    hasty = Reader(reader.models, reader.settings.model_copy(update={"ocr_page_s": 1e-6}))
    short, _ = done(ReadText(artifact=artifact), works=performs(hasty, store))
    full, _ = done(ReadText(artifact=artifact))

    assert (short.output.complete, len(short.output.lines)) == (False, 1)
    assert (full.output.complete, len(full.output.lines)) == (True, 4)


def test_a_region_outside_of_the_picture_ends_with_a_sentence(done, store):
    job, _ = done(ReadText(artifact=store.put(png(strip(0, 1)), "image/png"), box=(0, 0, 2000, 20)))
    assert (job.status, job.error.code) == (JobStatus.FAILED, "invalid_box")
