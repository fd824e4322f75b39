"""Edits by the whole painter, on tiny random models: against diffusers' own pipelines, and their promises."""

import io

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import StableDiffusionImg2ImgPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import StableDiffusionInpaintPipeline
from PIL import Image

from services.diffusion.happenings import Painted, Preview, Step
from services.diffusion.painter import Painter
from shared.errors import InvalidRequest
from shared.jobs import EditImage, GenerateImage
from shared.provenance import EDITED, read_provenance

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SOURCE, MASK = "a" * 64 + ".png", "b" * 64 + ".png"


def encoded(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def picture(width: int = 64, height: int = 64) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return encoded(Image.fromarray(pixels))


def left_half(width: int = 64, height: int = 64) -> bytes:
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (0, 0, width // 2, height))
    return encoded(mask)


def work(**values) -> EditImage:
    return EditImage(**{"prompt": "an orange cat", "seed": 7, "steps": 5, "source": SOURCE} | values)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def result(events) -> Painted:
    *_, painted = events
    assert isinstance(painted, Painted)
    return painted


@pytest.fixture
def latents_of(monkeypatch):
    """A function that edits and gives back what the source was encoded to, and what was decoded."""

    def edit(painter: Painter, request: EditImage, mask: bytes | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        seen = []
        autoencoder = painter.model.autoencoder
        encode, decode = autoencoder.encode, autoencoder.decode
        with monkeypatch.context() as patch:
            patch.setattr(autoencoder, "encode", lambda given: seen.append(encode(given)) or seen[0])
            patch.setattr(autoencoder, "decode", lambda latents: seen.append(latents) or decode(latents))
            list(painter.edit(request, picture(), mask))
        return seen[0], seen[1]

    return edit


SCHEDULERS = [DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.3, 0.8])
def test_an_edit_begins_and_goes_on_as_in_stable_diffusions_pipeline(  # noqa: PLR0917
    stable_diffusion, stable_diffusion_folder, latents_of, with_scheduler, scheduler, strength
):
    pipeline = StableDiffusionImg2ImgPipeline.from_pretrained(stable_diffusion_folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    request = work(steps=7, strength=strength, guidance_scale=6.5, negative_prompt="blue")

    source, ours = latents_of(with_scheduler(stable_diffusion, pipeline.scheduler), request)

    theirs = pipeline(
        request.prompt,
        image=source,
        negative_prompt="blue",
        strength=strength,
        num_inference_steps=7,
        guidance_scale=6.5,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images
    assert (theirs - source).std() > 0.01
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_what_is_masked_is_painted_as_in_stable_diffusions_inpainting(  # noqa: PLR0917
    stable_diffusion, stable_diffusion_folder, latents_of, with_scheduler, scheduler, strength
):
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(stable_diffusion_folder)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    request = work(steps=6, strength=strength, guidance_scale=6.5, mask=MASK)

    source, ours = latents_of(with_scheduler(stable_diffusion, pipeline.scheduler), request, left_half())

    theirs = pipeline(
        request.prompt,
        image=source,
        mask_image=Image.open(io.BytesIO(left_half())),
        masked_image_latents=source,
        width=64,
        height=64,
        strength=strength,
        num_inference_steps=6,
        guidance_scale=6.5,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    torch.testing.assert_close(ours[..., 16:], source[..., 16:])


@pytest.mark.parametrize("scheduler", [None, FlowMatchEulerDiscreteScheduler(shift=1.0)])
def test_a_flow_model_starts_on_the_straight_line_between_source_and_noise(
    sana, latents_of, with_scheduler, monkeypatch, scheduler
):
    painter = with_scheduler(sana, scheduler or sana.model.usual.sampler.scheduler)
    seen = []
    denoiser = painter.model.usual.denoiser
    predict = denoiser.predict
    monkeypatch.setattr(denoiser, "predict", lambda rows, *given: seen.append(rows) or predict(rows, *given))

    source, _ = latents_of(painter, work(steps=10, strength=0.4))

    assert len(seen) == 4
    noise = torch.randn(source.shape, generator=torch.Generator().manual_seed(7))
    level = float(painter.model.usual.sampler.schedule(10, 0.4, 16).levels[0, 1])
    assert 0.3 < level < 0.5
    torch.testing.assert_close(seen[0][:1], (1 - level) * source + level * noise, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("size", "box"), [((64, 64), (8, 8, 24, 32)), ((300, 200), (250, 3, 290, 20))])
def test_outside_the_box_every_pixel_stays_and_inside_they_change(sana, size, box):
    source = picture(*size)
    painted = result(sana.edit(work(box=box), source, None))

    before, after = pixels(source), pixels(painted.png)
    left, top, right, bottom = box
    inside = np.zeros(before.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert after.shape == before.shape
    assert (after[~inside] == before[~inside]).all()
    assert (after[inside] != before[inside]).any(axis=-1).mean() > 0.9


def test_outside_a_mask_of_any_form_every_pixel_stays(stable_diffusion):
    source = picture(90, 70)
    ring = np.zeros((70, 90), np.uint8)
    ring[20:50, 30:70], ring[28:40, 40:60], ring[60, 3:80] = 255, 0, 255
    painted = result(stable_diffusion.edit(work(mask=MASK), source, encoded(Image.fromarray(ring))))
    before, after = pixels(source), pixels(painted.png)
    assert (after[ring == 0] == before[ring == 0]).all()
    assert (after[ring > 0] != before[ring > 0]).any(axis=-1).mean() > 0.9


def test_a_small_box_in_a_large_picture_is_painted_large_with_its_surroundings(sana):
    painted = result(sana.edit(work(box=(500, 300, 540, 330)), picture(1000, 600), None))
    assert (painted.width, painted.height) == (1000, 600)
    assert painted.native_width * painted.native_height >= 0.5 * 64**2
    assert read_provenance(painted.png).edit.region == (480, 283, 560, 347)


@pytest.mark.parametrize("size", [(64, 64), (50, 90), (333, 120)])
def test_an_edit_of_a_whole_picture_keeps_its_size(sana, size):
    painted = result(sana.edit(work(), picture(*size), None))
    assert (painted.width, painted.height) == Image.open(io.BytesIO(painted.png)).size == size
    assert painted.strength == 0.8


def test_less_strength_takes_fewer_steps(sana):
    source = picture()
    changes = []
    for strength, steps in ((0.01, 1), (0.2, 2), (0.5, 5), (1.0, 10)):
        events = list(sana.edit(work(steps=10, strength=strength), source, None))
        taken = [event for event in events if isinstance(event, Step)]
        assert [step.step for step in taken] == list(range(1, steps + 1))
        assert {step.total for step in taken} == {steps}
        changes.append(result(events).png)
    assert len(set(changes)) == 4


def test_at_full_strength_nothing_of_the_source_is_left(sana):
    fresh = result(sana.paint(GenerateImage(prompt="an orange cat", seed=7, steps=5)))
    edited = result(sana.edit(work(strength=1.0), picture(), None))
    assert (pixels(fresh.png) == pixels(edited.png)).all()


def test_the_same_edit_gives_the_same_bytes_and_another_seed_others(sana):
    first, again, other = (result(sana.edit(work(seed=seed), picture(), None)).png for seed in (1, 1, 2))
    assert first == again != other


def test_previews_show_the_region_in_its_picture(sana):
    painter = Painter(sana.model, sana.settings.model_copy(update={"diffusion_preview_every": 1}))
    white = encoded(Image.new("RGB", (400, 200), "white"))
    events = list(painter.edit(work(box=(0, 0, 100, 100)), white, None))
    previews = [event for event in events if isinstance(event, Preview)]
    assert [preview.step for preview in previews] == [1, 2, 3, 4]
    seen = np.asarray(Image.open(io.BytesIO(previews[0].jpeg)))
    assert seen.shape == (64, 128, 3)
    assert seen[40:, 40:].min() > 240
    assert seen[:30, :30].std() > 1


def test_the_fast_setting_edits_on_its_own_grid(distilled):
    events = list(distilled.edit(work(steps=50, strength=0.7, fast=True), picture(), None))
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2]
    assert (result(events).fast, result(events).steps, result(events).guidance_scale) == (True, 3, 1.0)


def test_the_picture_says_what_it_was_edited_from(sana):
    painted = result(sana.edit(work(strength=0.6, box=(0, 0, 32, 32)), picture(), None))
    record = read_provenance(painted.png)
    assert (record.edit.source, record.edit.strength, record.edit.region) == (SOURCE, 0.6, (0, 0, 64, 64))
    assert "Denoising strength: 0.6" in record.parameters
    assert EDITED.encode() in painted.png
    assert EDITED.encode() not in result(sana.paint(GenerateImage(prompt="a cat", seed=1, steps=1))).png


def test_tokens_of_prompt_and_picture_are_counted(sana):
    painted = result(sana.edit(work(prompt="a cat", guidance_scale=1.0), picture(), None))
    assert painted.prompt_tokens == 4 + 2  # each letter is a token here, and one each to begin and end
    assert painted.image_tokens == (64 // 16) ** 2
    assert result(sana.edit(work(prompt="a cat"), picture(), None)).prompt_tokens == 4 + 2 + 2


@pytest.mark.parametrize("box", [(0, 0, 65, 10), (10, 10, 10, 20), (-1, 0, 5, 5), (30, 9, 20, 20)])
def test_a_box_that_is_not_in_the_picture_is_refused(sana, box):
    with pytest.raises(InvalidRequest, match="does not lie within the picture of 64x64"):
        next(sana.edit(work(box=box), picture(), None))


def test_a_mask_of_another_size_or_without_anything_in_it_is_refused(sana):
    with pytest.raises(InvalidRequest, match="32x32, the picture 64x64"):
        next(sana.edit(work(mask=MASK), picture(), left_half(32, 32)))
    with pytest.raises(InvalidRequest, match="marks nothing"):
        next(sana.edit(work(mask=MASK), picture(), encoded(Image.new("L", (64, 64), 0))))
