"""Recordings of forward passes: what they read and write, with a recorder that computes anew where a GPU replays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from services.diffusion.captures import MOST_KEPT, WARM_UPS, Captures
from services.diffusion.happenings import Painted
from services.diffusion.lora import LoraSet
from services.diffusion.painter import Painter
from services.diffusion.passes import Passes
from services.diffusion.prompts import Conditioning
from shared.jobs import GenerateImage


def computing_anew(run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    """As a graph does, a replay reads the memory that was read when it was recorded, and writes the one output."""
    output = run().clone()
    return lambda: output.copy_(run()), output


def numbers(*values: float) -> dict[str, Tensor]:
    return {"x": torch.tensor(values)}


def test_a_recording_is_made_once_for_a_shape_and_computes_from_what_it_is_given():
    calls: list[int] = []

    def double(x: Tensor) -> Tensor:
        calls.append(len(x))
        return 2 * x

    captures = Captures(double, computing_anew)
    first = captures.ready(numbers(1, 2))
    assert calls == [2] * (WARM_UPS + 1)
    assert captures.ready(numbers(3, 4)) is first
    made = first(numbers(3, 4))
    assert first(numbers(5, 6)).tolist() == [10, 12]
    assert made.tolist() == [6, 8]  # the next run has not written over it
    assert captures.ready(numbers(1)) is not first


def test_the_recording_that_was_not_used_for_longest_goes():
    captures = Captures(lambda x: x, computing_anew)
    first, second = captures.ready(numbers(1)), captures.ready(numbers(1, 2))
    for length in range(3, MOST_KEPT + 1):
        captures.ready({"x": torch.zeros(length)})
    captures.ready(numbers(1))
    captures.ready({"x": torch.zeros(MOST_KEPT + 1)})
    assert captures.ready(numbers(1)) is first
    assert captures.ready(numbers(1, 2)) is not second


def test_passes_with_loras_are_not_recorded(stable_diffusion, monkeypatch):
    passes = Passes(stable_diffusion.model.usual.passes.loras, computing_anew)
    activated: list[LoraSet] = []
    monkeypatch.setattr(passes.loras, "activate", activated.append)
    calls: list[int] = []
    monkeypatch.setattr(
        passes.denoiser, "predict", lambda rows, times, conditioning: calls.append(1) or rows * times[:, None]
    )
    given = torch.ones(2, 3), torch.tensor([2.0, 3.0]), Conditioning({"states": torch.zeros(2, 1)})
    plain, style = LoraSet(), LoraSet((("style", 1.0),))
    passes.prepare(style, *given)
    assert calls == []
    assert passes.predict(style, *given).tolist() == [[2] * 3, [3] * 3]
    assert len(calls) == 1
    passes.prepare(plain, *given)
    assert len(calls) == 1 + WARM_UPS + 1
    assert passes.predict(plain, *given).tolist() == [[2] * 3, [3] * 3]
    assert activated == [style, style, plain, plain]


def test_pictures_from_recordings_have_the_bytes_that_they_have_without(sana):
    usual = sana.model.usual
    recorded = replace(usual, passes=Passes(usual.passes.loras, computing_anew))
    painter = Painter(replace(sana.model, usual=recorded), sana.settings)
    works = [GenerateImage(prompt="an orange cat", seed=seed, steps=3 + seed) for seed in range(5)]

    def painted(by: Painter, work: GenerateImage) -> bytes:
        *_, last = by.paint(work)
        assert isinstance(last, Painted)
        return last.png

    alone = [painted(sana, work) for work in works]
    with ThreadPoolExecutor(len(works)) as threads:
        assert list(threads.map(lambda work: painted(painter, work), works)) == alone
    painter.close()
