"""The finished picture, with the record of how it was made inside. Knows values only."""

import time

from PIL import Image

from services.diffusion.happenings import Painted
from services.diffusion.loaded import LoadedPainter
from services.diffusion.requests import Begun
from shared.jobs import EditImage
from shared.provenance import EditRecord, Provenance, png_with_provenance


def painted(model: LoadedPainter, begin: Begun, image: Image.Image) -> Painted:
    """The picture as a PNG which says how it was made, with what was used for it."""
    work, plan, prompt = begin.work, begin.plan, begin.prompt
    record = Provenance(
        prompt=work.prompt,
        negative_prompt=work.negative_prompt if prompt.guided else "",
        tokens_dropped=prompt.tokens_dropped,
        seed=work.seed,
        fast=plan.fast,
        steps=plan.steps,
        guidance_scale=plan.guidance_scale,
        width=image.width,
        height=image.height,
        native_width=plan.shape[0],
        native_height=plan.shape[1],
        scheduler=plan.setting.sampler.name,
        model=model.name,
        loras=work.loras,
        edit=edit_record(begin),
    )
    return Painted(
        png=png_with_provenance(image, record),
        width=image.width,
        height=image.height,
        native_width=plan.shape[0],
        native_height=plan.shape[1],
        seed=work.seed,
        fast=plan.fast,
        steps=plan.steps,
        guidance_scale=plan.guidance_scale,
        strength=begin.retouch.strength if begin.retouch else None,
        noise=begin.picture.schedule.noise_shares,
        model=model.name,
        seconds=time.perf_counter() - begin.at,
        prompt_tokens=prompt.tokens,
        image_tokens=plan.shape[0] * plan.shape[1] // model.canvas.stride**2,
        tokens_dropped=prompt.tokens_dropped,
        unknown_words=model.words.unknown_in(work.prompt),
    )


def edit_record(begin: Begun) -> EditRecord | None:
    """What the picture says of an edit."""
    work, retouch = begin.work, begin.retouch
    if not isinstance(work, EditImage) or retouch is None:
        return None
    return EditRecord(source=work.source, strength=retouch.strength, mask=work.mask, region=retouch.region.box)
