"""`/v1/images/generations` and `/v1/images/edits`: pictures without a conversation, in OpenAI's form."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, UploadFile
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.responses import Response

from orchestrator.api.body import DiptychOptions
from orchestrator.api.image_tool import FAITHFUL_STRENGTH, check_image_model
from orchestrator.api.images_format import PictureFormat, error_frame
from orchestrator.api.images_objects import ANSWERS
from orchestrator.api.images_schema import EditForm, EditOptions, ImageFields, ImageRequest
from orchestrator.api.sse import HEADERS, MEDIA_TYPE, with_pauses
from orchestrator.lettering import words_apart
from orchestrator.painting import Work, paint, series
from orchestrator.pictures import Encoding, size_in
from orchestrator.wanted_words import WantedWords, wanted_words
from orchestrator.wiring import OwnerDep, Services, ServicesDep
from shared.errors import DiptychError, InvalidImage, InvalidRequest
from shared.jobs import MAX_SEED, EditImage, GenerateImage, check_box

router = APIRouter()
HEADERS_AFTER_S = 10.0
OTHER_SIZE = "The mask is {}x{}, the picture {}x{}: they must be of one size."


@router.post("/v1/images/generations", response_model=None, responses=ANSWERS)
async def create_image(body: ImageRequest, services: ServicesDep, owner: OwnerDep) -> Response:
    """Paint pictures from a prompt."""
    check_image_model(body.model, "model")
    options = body.diptych or DiptychOptions()
    size = options.size or (body.size if body.size != "auto" else None)
    width, height = sides(size) or (None, None)
    wanted = wanted_words(body.prompt) if options.lettering else None
    prompt = wanted.rest if wanted else body.prompt
    work = GenerateImage(**common(body, options, prompt), width=width, height=height, best_of=options.best_of)
    return await answer(work, body, picture_format(body, services), services, owner, wanted=wanted)


@router.post("/v1/images/edits", response_model=None, responses=ANSWERS)
async def edit_image(
    form: Annotated[EditForm, Form(media_type="multipart/form-data")], services: ServicesDep, owner: OwnerDep
) -> Response:
    """Change a picture: all of it, or only what a mask leaves open; outside of it every pixel stays as it is."""
    check_image_model(form.model, "model")
    options = form.diptych or EditOptions()
    source, unused = await sources(form, services)
    if options.box is not None:
        with param("diptych.box"):
            check_box(options.box, await asyncio.to_thread(size_in, services.store, source))
    if options.box is not None and form.mask is not None:
        raise InvalidRequest("Give a mask or a box, not both.", param="mask")
    strength = FAITHFUL_STRENGTH if form.input_fidelity == "high" and not (form.mask or options.box) else None
    wanted = wanted_words(form.prompt) if options.lettering else None
    work = EditImage(
        **common(form, options, form.prompt),
        source=source,
        mask=await mask_of(form.mask, source, services) if form.mask else None,
        box=options.box,
        strength=options.strength or strength,
    )
    work, wanted = await asyncio.to_thread(words_apart, work, wanted, services.store)
    formed = picture_format(form, services)
    size = options.size or (form.size if form.size != "auto" else None)
    formed.encoding = Encoding(formed.encoding.format, formed.encoding.quality, within=sides(size))
    formed.unused_images = unused
    return await answer(work, form, formed, services, owner, wanted=wanted)


async def answer(
    work: Work,
    fields: ImageFields,
    formed: PictureFormat,
    services: Services,
    owner: str,
    *,
    wanted: WantedWords | None = None,
) -> Response:
    """Start the jobs, and answer with what becomes of them: whole, or as they go."""
    works = series(work, fields.n or 1)
    turn = services.turns.start(paint(works, services, owner, wanted))
    if not fields.stream:
        whole = await formed.whole(turn, [each.seed for each in works])
        return JSONResponse(whole.model_dump(exclude_none=True))
    stream = formed.stream(turn)
    first = asyncio.ensure_future(anext(stream))
    await asyncio.wait({first}, timeout=HEADERS_AFTER_S)
    if first.done():
        first.result()  # an error before the first byte is an HTTP status of its own
    return StreamingResponse(with_pauses(frames(first, stream)), media_type=MEDIA_TYPE, headers=HEADERS)


async def frames(first: "asyncio.Future[bytes]", rest: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """All frames; an error is the last one."""
    try:
        yield await first
        async for frame in rest:
            yield frame
    except DiptychError as error:
        yield error_frame(error)


def common(fields: ImageFields, options: DiptychOptions, prompt: str) -> dict[str, Any]:
    """What painting and editing have in common."""
    own = options.steps is not None or options.guidance is not None
    return {
        "prompt": prompt,
        "negative_prompt": options.negative_prompt or "",
        "seed": secrets.randbelow(MAX_SEED + 1) if options.seed is None else options.seed,
        "fast": options.fast or (fields.quality == "low" and not own),
        "steps": options.steps,
        "guidance_scale": options.guidance,
        "painter": options.painter,
        "loras": options.loras,
        "fresh": options.fresh,
    }


def picture_format(fields: ImageRequest | EditForm, services: Services) -> PictureFormat:
    quality = 100 if fields.output_compression is None else fields.output_compression
    return PictureFormat(
        store=services.store,
        links=services.links,
        encoding=Encoding(fields.output_format or "png", quality),
        response_format=fields.response_format or "b64_json",
        partial_images=fields.partial_images or 0,
        extended=fields.diptych is not None,
    )


async def sources(form: EditForm, services: Services) -> tuple[str, int]:
    """The artifact id of the picture to edit, and how many others there are. Raises InvalidRequest."""
    if not form.sources:
        raise InvalidRequest("There is no picture to edit. Send one as the form's file `image`.", param="image")
    with param("image"):
        kept = [await services.uploads.keep_picture(await file.read()) for file in form.sources]
    return kept[0], len(kept) - 1


async def mask_of(file: UploadFile, source: str, services: Services) -> str:
    """The artifact id of the mask for a source. Raises InvalidImage."""
    with param("mask"):
        mask = await services.uploads.keep_mask(await file.read())
        size, wanted = [await asyncio.to_thread(size_in, services.store, each) for each in (mask, source)]
        if size != wanted:
            raise InvalidImage(OTHER_SIZE.format(*size, *wanted), code="invalid_mask")
    return mask


@contextlib.contextmanager
def param(name: str) -> Iterator[None]:
    """Has a refusal name the field that it is about."""
    try:
        yield
    except InvalidRequest as error:
        error.param = name
        raise


def sides(size: str | None) -> tuple[int, int] | None:
    """Width and height of a checked size."""
    if size is None:
        return None
    width, height = size.split("x")
    return int(width), int(height)
