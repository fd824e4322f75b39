"""The step that many pictures take together: what it asks of a device."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, LCMScheduler

from services.diffusion.batch import Batch, Held, Picture
from services.diffusion.lora import Loras
from services.diffusion.painter import Painter
from services.diffusion.passes import Passes
from services.diffusion.prompts import Conditioning
from services.diffusion.requests import begun, planned
from services.diffusion.retouching import Retouch
from shared.jobs import EditImage, GenerateImage
from tests.conftest import png
from tests.services.diffusion.transfers import Transfers
from tests.services.diffusion.transfers import on_meta as denoiser_on_meta

STEPS = 4
SCHEDULERS = {"ddim": None, "euler": EulerDiscreteScheduler(), "draws noise": LCMScheduler(original_inference_steps=50)}


def picture(painter: Painter, work: GenerateImage | EditImage) -> Picture:
    retouch = Retouch.of(work, png(64, 64), None) if isinstance(work, EditImage) else None
    plan = planned(painter.model, work, (64, 64))
    return begun(painter.model, painter._rooms, work, plan, retouch, exact=False).picture


def on_meta(pictures: list[Picture]) -> list[Picture]:
    passes = Passes(Loras(None, denoiser_on_meta(pictures[0].passes.denoiser)), None)

    def row(of: Conditioning | None) -> Any:
        return of and Conditioning({name: tensor.to("meta") for name, tensor in of.inputs.items()})

    def moved(one: Picture) -> Picture:
        held = one.held and Held(*(tensor.to("meta") for tensor in vars(one.held).values()))
        prompt = replace(one.prompt, positive=row(one.prompt.positive), negative=row(one.prompt.negative))
        return replace(
            one, passes=passes, prompt=prompt, first=one.first.to("meta"), fresh=one.fresh.to("meta"), held=held
        )

    return [moved(one) for one in pictures]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_step_never_waits_for_the_device_nor_sends_it_tensors(stable_diffusion, with_scheduler, scheduler):
    chosen = SCHEDULERS[scheduler]
    painter = with_scheduler(stable_diffusion, chosen) if chosen else stable_diffusion
    prompt: dict[str, Any] = {"prompt": "an orange cat", "steps": STEPS}
    works = [
        GenerateImage(seed=1, **prompt),
        GenerateImage(seed=2, guidance_scale=1.0, **prompt),
        EditImage(seed=3, source="a" * 64 + ".png", box=(8, 8, 40, 40), **prompt),
    ]
    pictures = on_meta([picture(painter, work) for work in works])
    batch = Batch(pictures)
    with Transfers() as transfers:
        for _ in range(STEPS):
            batch.step()
    assert [one.step for one in pictures] == [STEPS] * 3
    assert transfers.seen == []


def test_noise_is_drawn_once_for_each_step_however_often_it_is_tried(stable_diffusion, with_scheduler):
    painter = with_scheduler(stable_diffusion, LCMScheduler(original_inference_steps=50))
    one = picture(painter, GenerateImage(prompt="a cat", seed=1, steps=STEPS, guidance_scale=1.0))
    latents = one.latents
    assert torch.equal(one.noise(), one.noise())
    first = one.noise()
    one.moved(latents, latents, 0)
    assert not torch.equal(one.noise(), first)
    generator = torch.Generator().manual_seed(1)
    drawn = [torch.randn(latents.shape, generator=generator) for _ in range(3)]
    assert torch.equal(first, drawn[1])  # the first is what the picture begins with
    assert torch.equal(one.noise(), drawn[2])
