"""The painter as a whole, on tiny random models: against diffusers' own pipelines, and its promises."""

import hashlib
import io
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, LCMScheduler, PNDMScheduler
from PIL import Image

from services.diffusion.happenings import Painted, Preview, Step
from services.diffusion.painter import Painter
from services.diffusion.requests import planned
from services.diffusion.words import KnownWords
from shared.errors import InvalidRequest, JobFailed
from shared.jobs import GenerateImage
from shared.provenance import read_provenance

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
ROOT = Path(__file__).parents[3]


def work(**values) -> GenerateImage:
    return GenerateImage(**{"prompt": "an orange cat", "seed": 7, "steps": 5} | values)


def result(events) -> Painted:
    *_, painted = events
    assert isinstance(painted, Painted)
    return painted


def test_each_step_is_told(stable_diffusion, with_scheduler):
    painter = with_scheduler(stable_diffusion, PNDMScheduler(skip_prk_steps=True, steps_offset=1))

    events = list(painter.paint(work(steps=5)))

    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == [1, 2, 3, 4, 5]
    assert {step.total for step in steps} == {5}
    assert result(events).steps == 5


def test_the_folders_defaults_fill_in_what_the_request_leaves_open(sana):
    painted = result(sana.paint(work(steps=None)))
    assert (painted.steps, painted.guidance_scale, painted.width, painted.height) == (6, 3.0, 64, 64)
    assert painted.model == "tiny-sana"


def test_the_family_and_the_networks_own_size_are_the_defaults_without_a_diptych_json(stable_diffusion):
    plan = planned(stable_diffusion.model, work(steps=None), (64, 64))
    assert (plan.steps, plan.guidance_scale, plan.shape) == (30, 7.5, (64, 64))
    assert Image.open(io.BytesIO(result(stable_diffusion.paint(work(steps=1))).png)).size == (64, 64)


def test_previews_are_small_jpegs_of_the_latents_size_every_few_steps(stable_diffusion):
    events = list(stable_diffusion.paint(work(steps=9)))
    previews = [event for event in events if isinstance(event, Preview)]

    assert [preview.step for preview in previews] == [4, 8]
    for preview in previews:
        image = Image.open(io.BytesIO(preview.jpeg))
        assert image.format == "JPEG"
        assert image.size == (32, 32)
        assert len(preview.jpeg) <= 4096
        assert np.asarray(image).std() > 1


def test_previews_do_not_change_the_picture(stable_diffusion, with_scheduler):
    painter = with_scheduler(stable_diffusion, EulerDiscreteScheduler())
    settings = painter.settings
    quiet = Painter(painter.model, settings.model_copy(update={"diffusion_preview_every": 0}))
    often = Painter(painter.model, settings.model_copy(update={"diffusion_preview_every": 1}))

    assert not any(isinstance(event, Preview) for event in quiet.paint(work()))
    assert result(quiet.paint(work())).png == result(often.paint(work())).png


def test_the_same_work_gives_the_same_bytes_and_another_seed_another_picture(sana):
    first, again, other = (result(sana.paint(work(seed=seed))).png for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_a_fresh_process_paints_the_same_bytes(sana, sana_folder):
    script = (
        "import sys, hashlib\n"
        "from services.diffusion.painter import Painter\n"
        "from services.diffusion.settings import DiffusionSettings\n"
        "from shared.jobs import GenerateImage\n"
        "painter = Painter.from_settings(DiffusionSettings(\n"
        "    diffusion_model=sys.argv[1], data=sys.argv[2], diffusion_dtype='float32', diffusion_threads=1\n"
        "))\n"
        "*_, painted = painter.paint(GenerateImage(prompt='an orange cat', seed=7, steps=5))\n"
        "print(hashlib.sha256(painted.png).hexdigest())\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(sana_folder), str(sana.settings.data)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == hashlib.sha256(result(sana.paint(work())).png).hexdigest()


def test_requests_side_by_side_do_not_disturb_each_other(sana):
    alone = [result(sana.paint(work(seed=seed))).png for seed in (1, 2)]
    first, second = sana.paint(work(seed=1)), sana.paint(work(seed=2))
    next(first), next(second)
    assert [result(first).png, result(second).png] == alone


def test_closing_between_steps_ends_it_before_the_next_one(sana, monkeypatch):
    calls = []
    predict = sana.model.usual.denoiser.predict
    monkeypatch.setattr(sana.model.usual.denoiser, "predict", lambda *given: calls.append(1) or predict(*given))
    painting = sana.paint(work(steps=150))
    for _ in range(4):
        next(painting)

    painting.close()

    after = len(calls)
    assert result(sana.paint(work(steps=2))).steps == 2
    assert len(calls) <= after + 1 + 2


def test_without_guidance_the_denoiser_sees_one_row(sana, monkeypatch):
    rows = []
    predict = sana.model.usual.denoiser.predict
    monkeypatch.setattr(
        sana.model.usual.denoiser,
        "predict",
        lambda latents, *given: rows.append(len(latents)) or predict(latents, *given),
    )
    result(sana.paint(work(steps=2, guidance_scale=1.0)))
    result(sana.paint(work(steps=2, guidance_scale=1.5)))
    assert rows == [1, 1, 2, 2]


@pytest.mark.parametrize("steps", [1, 2, 150])
def test_few_and_many_steps_are_done(sana, steps):
    events = list(sana.paint(work(steps=steps)))
    assert sum(isinstance(event, Step) for event in events) == steps
    assert Image.open(io.BytesIO(result(events).png)).size == (64, 64)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (80, 64), (72, 64), (200, 100), (1024, 1024), (3072, 1024)])
def test_a_picture_of_any_size_is_painted_near_the_models_own(sana, width, height):
    painted = result(sana.paint(work(steps=1, width=width, height=height)))

    assert Image.open(io.BytesIO(painted.png)).size == (painted.width, painted.height) == (width, height)
    assert painted.native_width % 16 == painted.native_height % 16 == 0
    assert 0.5 * 64**2 <= painted.native_width * painted.native_height <= 1.6 * 64**2
    record = read_provenance(painted.png)
    assert (record.native_width, record.native_height) == (painted.native_width, painted.native_height)


def test_a_size_that_the_model_paints_well_is_painted_as_it_is(stable_diffusion):
    assert planned(stable_diffusion.model, work(), (72, 64)).shape == (72, 64)


def test_a_number_of_steps_that_the_scheduler_cannot_do_is_refused(stable_diffusion, with_scheduler):
    painter = with_scheduler(stable_diffusion, LCMScheduler(original_inference_steps=50))
    with pytest.raises(InvalidRequest, match="cannot do 60 steps"):
        next(painter.paint(work(steps=60)))


def test_numbers_out_of_range_are_an_error_and_not_a_black_picture(sana, monkeypatch):
    predict = sana.model.usual.denoiser.predict
    monkeypatch.setattr(sana.model.usual.denoiser, "predict", lambda *given: predict(*given) * math.nan)
    with pytest.raises(JobFailed, match="out of range"):
        list(sana.paint(work()))


def test_what_does_not_fit_of_a_long_prompt_is_said(sana):
    short, long = "a cat", "a cat " * 40
    assert result(sana.paint(work(prompt=short))).tokens_dropped == 0
    painted = result(sana.paint(work(prompt=long)))
    # Each letter is a token here: 4 per "a cat", and one each to begin and end.
    assert painted.tokens_dropped == 4 * 40 + 2 - 16
    record = read_provenance(painted.png)
    assert record.tokens_dropped == painted.tokens_dropped


def test_the_picture_says_how_it_was_made(sana):
    painted = result(sana.paint(work(negative_prompt="blue")))
    record = read_provenance(painted.png)
    assert (record.prompt, record.negative_prompt, record.seed) == ("an orange cat", "blue", 7)
    assert (record.steps, record.guidance_scale, record.width, record.height) == (5, 3.0, 64, 64)
    assert (record.model, record.scheduler) == ("tiny-sana", "DPMSolverMultistepScheduler")
    assert read_provenance(result(sana.paint(work(negative_prompt="blue", guidance_scale=1))).png).negative_prompt == ""


def test_the_fast_setting_has_its_own_denoiser_steps_and_guidance(distilled):
    *_, usual = distilled.paint(work(steps=None))
    *steps, fast = distilled.paint(work(steps=50, guidance_scale=9, fast=True))

    assert [event.step for event in steps if isinstance(event, Step)] == [1, 2, 3]
    assert (fast.fast, fast.steps, fast.guidance_scale) == (True, 3, 1.0)
    assert (usual.fast, usual.steps, usual.guidance_scale) == (False, 6, 3.0)
    assert read_provenance(fast.png).fast
    network = distilled.model.fast.denoiser.network
    assert not torch.equal(network.proj_out.weight, distilled.model.usual.denoiser.network.proj_out.weight)


def test_a_painter_without_a_fast_setting_paints_as_usual(sana):
    painted = result(sana.paint(work(fast=True)))
    assert (painted.fast, painted.steps) == (False, 5)
    assert painted.png == result(sana.paint(work())).png


def test_words_that_a_small_painter_never_learned_are_named(sana):
    painter = Painter(replace(sana.model, words=KnownWords(frozenset({"a", "cat", "in", "red"}))), sana.settings)
    painted = result(painter.paint(work(prompt="A red Zeppelin in a cat’s zeppelin, 3 x")))
    assert painted.unknown_words == ("Zeppelin", "cat’s", "x")
    assert result(sana.paint(work(prompt="a zeppelin"))).unknown_words == ()
