"""Pictures of a shape that was not measured yet: painted one by one meanwhile, together afterwards."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.diffusion import capacity
from services.diffusion.measured import Capacity
from services.diffusion.painter import Painter
from shared.jobs import GenerateImage
from tests.waiting import until

PICTURES, STEPS = 4, 100


@pytest.fixture
def rows():
    """Of each step's batch."""
    return []


@pytest.fixture
def painter(sana, tmp_path, rows):
    """On a machine of which nothing is known."""
    own = {"data": tmp_path, "diffusion_reproducibility": "throughput"}
    painter = Painter(sana.model, sana.settings.model_copy(update=own), rows.append)
    yield painter
    painter.close()


def paint(painter, seed=0, steps=4):
    work = GenerateImage(prompt="a cat", seed=seed, width=80, height=96, steps=steps, guidance_scale=1.0)
    *_, painted = painter.paint(work)
    return painted


def room(painter):
    (room,) = painter._rooms._rooms.values()
    return room


def test_nobody_waits_for_a_measurement_and_what_comes_of_it_serves_who_is_there(painter, rows, monkeypatch):
    is_measured, found = threading.Event(), Capacity(row_s={}, most_rows=PICTURES, alike={})
    monkeypatch.setattr(capacity, "measured", lambda _: is_measured.wait(30) and found)
    assert paint(painter).steps == 4
    with ThreadPoolExecutor(PICTURES) as threads:
        painting = [threads.submit(paint, painter, seed, STEPS) for seed in range(PICTURES)]
        until(lambda: len(rows) > 10)
        assert set(rows) == {1}
        is_measured.set()
        assert [one.result(60).steps for one in painting] == [STEPS] * PICTURES
    assert max(rows) == PICTURES


def test_what_is_known_of_the_machine_is_there_at_once(painter, sana):
    paint(painter)
    until(lambda: room(painter).capacity)
    again = Painter(sana.model, painter.settings)
    paint(again)
    assert room(again).capacity == room(painter).capacity
    again.close()


def test_where_nothing_can_be_measured_pictures_are_painted_one_by_one(painter, rows, monkeypatch, caplog):
    def fail(_):
        raise RuntimeError("no")

    monkeypatch.setattr(capacity, "measured", fail)
    with ThreadPoolExecutor(PICTURES) as threads:
        list(threads.map(lambda seed: paint(painter, seed), range(PICTURES)))
    assert rows == [1] * 4 * PICTURES
    assert "one by one" in caplog.text


def test_a_painter_that_is_closed_leaves_its_measurement(painter, monkeypatch, caplog):
    measuring, measure = threading.Event(), capacity.measured

    def slow(trial):
        measuring.set()
        while True:
            measure(trial)

    monkeypatch.setattr(capacity, "measured", slow)
    paint(painter)
    assert measuring.wait(30)
    painter.close()
    until(lambda: not any(thread.name == "measuring" for thread in threading.enumerate()))
    assert room(painter).capacity is None
    assert caplog.text == ""
