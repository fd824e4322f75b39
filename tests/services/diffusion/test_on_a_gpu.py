"""The engine on a GPU, where there is one (conftest.py): recordings, exactness, and nothing that waits."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

from services.diffusion.happenings import Painted, Preview
from services.diffusion.painter import Painter
from shared.jobs import EditImage, GenerateImage
from tests.conftest import png

SOURCE = "a" * 64 + ".png"
MIXED: list[GenerateImage | EditImage] = [
    GenerateImage(prompt="an orange cat", seed=1, steps=5),
    GenerateImage(prompt="an orange cat", seed=2, steps=9),
    GenerateImage(prompt="a red boat", seed=3, steps=5, guidance_scale=1.0),
    GenerateImage(prompt="a red boat", seed=4, steps=7, negative_prompt="blue"),
    EditImage(prompt="a blue cat", seed=5, steps=6, source=SOURCE, strength=0.7),
    EditImage(prompt="a green cat", seed=6, steps=4, source=SOURCE, box=(8, 8, 40, 40)),
]


def painted(painter: Painter, work: GenerateImage | EditImage) -> Painted:
    painting = painter.edit(work, png(64, 64), None) if isinstance(work, EditImage) else painter.paint(work)
    *_, last = painting
    assert isinstance(last, Painted)
    return last


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def painter(request, loaded_from, sana_folder) -> Painter:
    return loaded_from(sana_folder, diffusion_device="cuda", diffusion_dtype=request.param, diffusion_preview_every=1)


def test_exact_pictures_have_the_same_bytes_alone_in_any_company_and_after_a_restart(painter, loaded_from, sana_folder):
    alone = [painted(painter, work).png for work in MIXED]
    with ThreadPoolExecutor(len(MIXED)) as threads:
        for _ in range(5):
            assert [made.png for made in threads.map(lambda work: painted(painter, work), MIXED)] == alone
    values: dict[str, Any] = painter.settings.model_dump(include={"diffusion_device", "diffusion_dtype"})
    again = loaded_from(sana_folder, **values)
    assert [painted(again, work).png for work in MIXED] == alone


def test_a_recorded_pass_has_the_bits_of_one_that_is_not(painter, monkeypatch):
    passes = painter.model.usual.passes
    assert passes._captures
    work = GenerateImage(prompt="an orange cat", seed=1, steps=5)
    recorded = painted(painter, work).png
    monkeypatch.setattr(passes, "_captures", None)
    assert painted(painter, work).png == recorded


def test_no_step_waits_for_the_gpu(painter, monkeypatch):
    """torch raises at each call that would, in a step; the engine would try that picture again by itself."""
    steps: list[RuntimeError | None] = []
    take = painter._engine._step

    def strict(group: Any) -> None:
        step = group.step

        def checked() -> None:
            torch.cuda.set_sync_debug_mode("error")
            try:
                step()
                steps.append(None)
            except RuntimeError as error:
                steps.append(error)
                raise
            finally:
                torch.cuda.set_sync_debug_mode("default")

        monkeypatch.setattr(group, "step", checked)
        take(group)

    for work in MIXED:
        painted(painter, work)  # all is recorded
    monkeypatch.setattr(painter._engine, "_step", strict)
    for work in MIXED:
        painted(painter, work)
    assert len(steps) >= len(MIXED)
    assert set(steps) == {None}


def test_previews_come_from_a_gpu(painter):
    happened = list(painter.paint(GenerateImage(prompt="an orange cat", seed=9, steps=30)))
    previews = [each for each in happened if isinstance(each, Preview)]
    assert previews
    assert all(preview.jpeg[:2] == b"\xff\xd8" for preview in previews)
