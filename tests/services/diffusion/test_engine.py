"""Pictures share steps, and none notices: joining, leaving, failing, waiting in turn."""

import io
import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from services.diffusion.engine import ASIDE, Engine
from services.diffusion.happenings import Painted, Step
from services.diffusion.painter import Painter
from services.diffusion.requests import begun, planned
from shared.errors import DeadlineExceeded, JobFailed
from shared.jobs import EditImage, GenerateImage
from tests.waiting import until

CPU = torch.device("cpu")
SOURCE = "a" * 64 + ".png"


def work(**values: Any) -> GenerateImage:
    return GenerateImage(**({"prompt": "an orange cat", "seed": 7, "steps": 5} | values))


def result(events: Iterator[Any]) -> Painted:
    *_, painted = events
    assert isinstance(painted, Painted)
    return painted


def grey() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(out, "PNG")
    return out.getvalue()


class Gate:
    """Holds the engine before a step until it is opened, and keeps how many rows each step had."""

    def __init__(self, painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        self.open = threading.Event()
        until(lambda: all(thread.name != "measuring" for thread in threading.enumerate()))  # for an earlier test
        denoiser = painter.model.usual.denoiser
        predict = denoiser.predict

        def gated(latents: Any, times: Any, conditioning: Any) -> Any:
            assert self.open.wait(30)
            self.rows.append(len(latents))
            return predict(latents, times, conditioning)

        monkeypatch.setattr(denoiser, "predict", gated)


def until_waiting(painter: Painter, count: int) -> None:
    """Until so many pictures are in the engine."""
    groups = painter._engine._groups
    until(lambda: sum(len(group.running) + len(group.waiting) for group in groups.values()) >= count)


MIXED = [
    work(seed=1),
    work(seed=2, steps=9),
    work(seed=3, prompt="a red boat", negative_prompt="blue"),
    work(seed=4, guidance_scale=1.0),
    work(seed=5, guidance_scale=7.0, steps=3),
    work(seed=6, width=80),
    EditImage(prompt="a blue cat", seed=1, steps=6, source=SOURCE, strength=0.7),
    EditImage(prompt="a green cat", seed=2, steps=4, source=SOURCE, box=(8, 8, 40, 40)),
]


def painted(painter: Painter, request: GenerateImage | EditImage) -> Painted:
    if isinstance(request, EditImage):
        return result(painter.edit(request, grey(), None))
    return result(painter.paint(request))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_exact_pictures_have_the_same_bytes_alone_and_in_any_company(loaded_from, sana_folder, dtype):
    painter = loaded_from(sana_folder, diffusion_dtype=dtype)
    alone = [painted(painter, request).png for request in MIXED]
    with ThreadPoolExecutor(len(MIXED)) as threads:
        for _ in range(3):
            assert [made.png for made in threads.map(lambda request: painted(painter, request), MIXED)] == alone


def test_in_throughput_pictures_stay_within_a_thousandth(loaded_from, sana_folder, monkeypatch):
    painter = loaded_from(sana_folder, diffusion_reproducibility="throughput")
    latents: dict[int, Any] = {}

    def request(seed: int) -> Any:
        plan = planned(painter.model, work(seed=seed), (64, 64))
        return begun(painter.model, painter._rooms, work(seed=seed), plan, None, exact=False).picture

    with Engine(CPU, exact=False) as engine:
        for seed in range(4):
            list(filter(None, engine.submit(alone := request(seed)).follow(1)))
            latents[seed] = alone.latents
        tickets = {seed: engine.submit(request(seed)) for seed in range(4)}
        for seed, ticket in tickets.items():
            assert list(filter(None, ticket.follow(1))) == [1, 2, 3, 4, 5]
            assert (ticket.picture.latents - latents[seed]).abs().max() < 1e-3


def test_who_comes_later_joins_at_the_next_step_and_the_first_leaves_when_it_is_done(
    loaded_from, sana_folder, monkeypatch
):
    painter = loaded_from(sana_folder, diffusion_reproducibility="throughput")
    gate = Gate(painter, monkeypatch)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(painted, painter, work(seed=1, steps=4))
        until_waiting(painter, 1)
        second = threads.submit(painted, painter, work(seed=2, steps=6))
        until_waiting(painter, 2)
        gate.open.set()
        assert (first.result(30).steps, second.result(30).steps) == (4, 6)
    # The first step of the first began before the second came. Each has two rows.
    assert gate.rows == [2, 4, 4, 4, 2, 2, 2]


def test_what_must_not_run_beside_a_step_runs_between_two(sana, monkeypatch):
    painter = Painter(sana.model, sana.settings)  # whose engine has run no errand yet that pictures have time for
    gate = Gate(painter, monkeypatch)
    with ThreadPoolExecutor(2) as threads:
        painting = threads.submit(painted, painter, work(seed=1, steps=4))
        until_waiting(painter, 1)
        seen = threads.submit(painter._engine.aside, lambda: (threading.current_thread().name, len(gate.rows)))
        until(lambda: painter._engine._errands)
        gate.open.set()
        thread, steps = seen.result(30)
        painting.result(30)
    assert thread == "engine"
    assert steps <= 1  # before the first step, where the errand came sooner than it began
    with pytest.raises(ZeroDivisionError):
        painter._engine.aside(lambda: 1 // 0)
    painter.close()


def test_what_must_not_run_beside_a_step_leaves_most_of_the_time_to_pictures(sana):
    errand_s, began = 0.002, []

    def errand() -> None:
        began.append(time.monotonic())
        time.sleep(errand_s)

    with ThreadPoolExecutor(1) as threads:
        painting = threads.submit(painted, sana, work(seed=1, steps=150))
        until_waiting(sana, 1)
        for _ in range(5):
            sana._engine.aside(errand)
        painting.result(30)
    assert min(later - sooner for sooner, later in itertools.pairwise(began)) >= errand_s / ASIDE


def test_a_closed_engine_runs_nothing_more():
    engine = Engine(CPU, exact=True)
    engine.close()
    with pytest.raises(CancelledError):
        engine.aside(lambda: None)


def test_a_cancel_ends_within_a_step_and_its_neighbour_keeps_its_bytes(sana, monkeypatch):
    alone = painted(sana, work(seed=1, steps=12)).png
    gate = Gate(sana, monkeypatch)
    leaving = sana.paint(work(seed=2, steps=150))
    with ThreadPoolExecutor(1) as threads:
        staying = threads.submit(painted, sana, work(seed=1, steps=12))
        next(leaving)
        gate.open.set()
        while not isinstance(next(leaving), Step):
            pass
        leaving.close()
        assert staying.result(30).png == alone
    assert len(gate.rows) < 40


def test_previews_do_not_change_bytes_and_a_slow_reader_delays_nobody(loaded_from, sana_folder):
    painter = loaded_from(sana_folder, diffusion_preview_every=1)
    slow = painter.paint(work(seed=1, steps=3))
    next(slow)
    quick = painted(painter, work(seed=2, steps=20))  # ends though nobody reads the first one's steps
    assert quick.steps == 20
    assert [event.step for event in slow if isinstance(event, Step)] == [1, 2, 3]


def test_owners_take_turns_where_more_wait_than_fit(sana, monkeypatch):
    gate = Gate(sana, monkeypatch)
    ended: list[str] = []

    def paint(owner: str, seed: int) -> None:
        result(sana.paint(work(seed=seed, steps=2), owner=owner))
        ended.append(owner)

    with ThreadPoolExecutor(13) as threads:
        for seed in range(12):
            threads.submit(paint, "greedy", seed)
        until_waiting(sana, 12)
        modest = threads.submit(paint, "modest", 100)
        until_waiting(sana, 13)
        gate.open.set()
        modest.result(60)
    before = ended.index("modest")
    most = max(gate.rows) // 2
    # Those that were in already, at most one batch more, and those that are decoded before it though they came after.
    assert before <= 2 * most + 2


def test_who_asks_for_what_is_painted_already_follows_that_picture(sana, monkeypatch):
    gate = Gate(sana, monkeypatch)
    with ThreadPoolExecutor(3) as threads:
        same = [threads.submit(painted, sana, work(seed=1)) for _ in range(3)]
        until_waiting(sana, 1)
        leaving = sana.paint(work(seed=1))
        next(leaving)
        leaving.close()  # the others still want it
        gate.open.set()
        pictures = [one.result(30) for one in same]
    assert len({picture.png for picture in pictures}) == 1
    assert len(gate.rows) == 5
    assert not sana._flights


def test_what_is_late_ends_with_a_sentence_and_frees_its_place(sana):
    with pytest.raises(DeadlineExceeded, match="longer than it may"):
        list(sana.paint(work(steps=150), deadline=time.time() - 1))
    assert painted(sana, work(steps=1)).steps == 1


def test_a_picture_that_the_network_fails_at_fails_alone(sana, monkeypatch, caplog):
    denoiser = sana.model.usual.denoiser
    predict = denoiser.predict
    alone = painted(sana, work(seed=1)).png
    gate = threading.Event()

    def failing(latents: Any, times: Any, conditioning: Any) -> Any:
        assert gate.wait(30)
        if float(latents.abs().max()) > 1e6:
            raise RuntimeError("out of memory")
        return predict(latents, times, conditioning)

    monkeypatch.setattr(denoiser, "predict", failing)
    plan = planned(sana.model, work(seed=2), (64, 64))
    bad = begun(sana.model, sana._rooms, work(seed=2), plan, None, exact=True)
    picture = replace(bad.picture, first=bad.picture.latents * 1e9)
    with ThreadPoolExecutor(1) as threads:
        good = threads.submit(painted, sana, work(seed=1))
        ticket = sana._engine.submit(picture)
        gate.set()
        with pytest.raises(JobFailed, match="failed at this picture"):
            list(ticket.follow(1))
        assert good.result(30).png == alone
    assert "out of memory" in caplog.text


def test_many_requests_of_all_kinds_get_their_own_pictures_and_leave_nothing_behind(sana):
    kinds = [request.model_copy(update={"steps": 2}) for request in MIXED]
    alone = [painted(sana, request).png for request in kinds]
    random = np.random.default_rng(0)

    def one(number: int) -> None:
        kind = int(random.integers(len(kinds)))
        if number % 7 == 0:
            painting = sana.paint(work(seed=1000 + number, steps=20))
            next(painting)
            painting.close()
        else:
            assert painted(sana, kinds[kind]).png == alone[kind]

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(one, range(150)))
    assert not sana._flights
