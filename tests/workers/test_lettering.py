"""Words set over pictures, through the runner, with the real typesetter and reader."""

import io

import numpy as np
import pytest
from PIL import Image

from shared.jobs import JobStatus
from shared.provenance import EDITED, XMP_CHUNK, Provenance, png_with_provenance, read_provenance, text_chunks
from shared.text_jobs import ComposeText
from tests.services.ocr.pages import png
from workers.lettering import read_there
from workers.ocr import performs

TEAL = Image.new("RGB", (400, 300), "teal")
NOISE = Image.fromarray((np.random.default_rng(2).random((128, 128, 3)) * 255).astype(np.uint8))
PAINTED = Provenance(
    prompt="a red apple",
    negative_prompt="",
    seed=1,
    steps=6,
    guidance_scale=1,
    width=400,
    height=300,
    native_width=400,
    native_height=300,
    scheduler="euler",
    model="painter",
)


@pytest.fixture
def works(reader, store):
    return performs(reader, store)


@pytest.fixture
def composed(done, store):
    """A function from a picture and what is wanted to the output of the job."""

    def compose(picture, **wanted):
        source = store.put(picture if isinstance(picture, bytes) else png(picture), "image/png")
        job, _ = done(ComposeText(source=source, **wanted))
        assert job.status is JobStatus.DONE, job.error
        return job.output

    return compose


def test_words_are_set_and_read_back(composed, store, reader):
    output = composed(TEAL, text="OPEN\n24 h")
    assert (output.read_back, output.exact, output.attempts) == ("OPEN\n24 h", True, 1)
    assert output.lettering.legible
    assert output.artifact != output.source
    picture = Image.open(io.BytesIO(store.get(output.artifact)))
    assert picture.size == (400, 300)
    assert read_there(reader, picture, output.lettering) == "OPEN\n24 h"


def test_where_nothing_is_calm_the_words_get_a_plate(composed):
    output = composed(NOISE, text="OPEN", position="calm")
    assert output.lettering.plate is not None
    assert output.exact


def test_words_that_are_not_read_back_are_set_in_another_way_until_they_are(composed):
    """Which letters the reader takes for others depends on the processor's arithmetic: one of these it does."""
    outputs = [composed(TEAL, text=text, position="calm") for text in ("I1", "x", "Il", "I.")]
    again = [output for output in outputs if output.attempts > 1 and output.exact]
    assert again
    assert all(output.read_back == output.lettering.text for output in again)


def test_what_was_asked_for_is_not_changed_and_what_is_read_is_told(composed):
    output = composed(TEAL, text="OPEN", colour="#008085", outline=False, plate=False, font="sans", size=40)
    assert (output.exact, output.lettering.font, output.lettering.size) == (False, "sans", 40)
    assert output.read_back != "OPEN"
    assert not output.lettering.legible


def test_steps_are_told_as_words_are_tried(done, store):
    _, events = done(ComposeText(source=store.put(png(TEAL), "image/png"), text="Il", position="calm"))
    steps = [event.step for event in events if event.type == "job_progress"]
    assert steps == list(range(1, len(steps) + 1))
    assert events[-1].type == "job_finished"


@pytest.mark.parametrize("text", ["שלום", "Привет", "ΚΑΛΗΜΈΡΑ"])
def test_words_of_characters_that_the_reader_does_not_know_are_set_and_not_checked(composed, text):
    output = composed(TEAL, text=text)
    assert (output.read_back, output.exact, output.attempts) == (None, None, 1)


def test_the_picture_says_what_was_set_over_which_painting(composed, store):
    output = composed(png_with_provenance(TEAL, PAINTED), text="OPEN")
    made = store.get(output.artifact)
    record = read_provenance(made)
    assert (record.prompt, record.seed) == ("a red apple", 1)
    assert (record.lettering.source, record.lettering.text) == (output.source, "OPEN")
    assert (record.lettering.read_back, record.lettering.exact) == ("OPEN", True)
    assert record.lettering.box == output.lettering.box
    assert EDITED in text_chunks(made)[XMP_CHUNK]
    assert read_provenance(store.get(output.source)).lettering is None


def test_what_was_set_before_is_only_looked_up(done, store):
    work = ComposeText(source=store.put(png(TEAL), "image/png"), text="OPEN")
    first, _ = done(work)
    again, events = done(work)
    assert again.output.model_copy(update={"seconds": 0}) == first.output.model_copy(update={"seconds": 0})
    assert [event.type for event in events] == ["job_started", "job_finished"]
    other, events = done(work.model_copy(update={"font": "serif"}))
    assert other.output.artifact != first.output.artifact
    store.delete(first.output.artifact)
    assert "job_progress" in [event.type for event in done(work)[1]]


def test_a_picture_that_was_not_painted_here_gets_no_record(composed, store):
    assert text_chunks(store.get(composed(TEAL, text="OPEN").artifact)) == {}


def test_words_that_cannot_be_set_end_with_a_sentence(done, store):
    source = store.put(png(Image.new("RGB", (100, 30), "teal")), "image/png")
    for position in ("centre", "calm"):
        job, _ = done(ComposeText(source=source, text="far too much " * 40, position=position))
        assert (job.status, job.error.code) == (JobStatus.FAILED, "text_does_not_fit")
