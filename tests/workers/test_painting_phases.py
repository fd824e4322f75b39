"""A painter's phases as spans, and its steps as times."""

import pytest

from services.diffusion.happenings import Prepared, Preview, Step
from shared.tracing import tracer
from workers.painting_phases import watched

PAINTED = object()
HAPPENINGS = [Prepared((1.0, 0.5, 0.0)), Step(1, 2), Preview(1, b""), Step(2, 2), PAINTED]


def test_phases_become_spans_and_steps_are_timed(spans):
    took = []
    with tracer.start_as_current_span("job"):
        seen = list(watched(iter(HAPPENINGS), took.append))
    assert seen == HAPPENINGS
    assert len(took) == 2
    assert [span.name for span in spans.all] == ["encode", "denoise", "decode", "job"]
    assert spans.named("denoise").attributes["diptych.denoise.steps"] == 2
    assert spans.parents()["denoise"] == "job"


def test_a_painting_that_is_stopped_ends_its_phase(spans):
    happenings = watched(iter(HAPPENINGS), lambda _: None)
    next(happenings)
    happenings.close()
    assert [span.name for span in spans.all] == ["encode", "denoise"]


def test_a_painting_that_fails_ends_its_phase(spans):
    def failing():
        yield Prepared((1.0, 0.0))
        raise ValueError

    with pytest.raises(ValueError):
        list(watched(failing(), lambda _: None))
    assert [span.name for span in spans.all] == ["encode", "denoise"]
