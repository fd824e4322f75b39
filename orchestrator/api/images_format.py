"""Painted pictures in the form of OpenAI's Images API: one object, or server-sent events.

`usage` counts, as the painter's own networks see them: text tokens of the prompt and the negative prompt, image
tokens of the picture that is edited, and image tokens of each picture that is painted, at the size it is painted at.
"""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.api.errors import error_body
from orchestrator.api.sse import frame
from orchestrator.links import Links
from orchestrator.pictures import Encoding, encode, encode_preview
from orchestrator.turns import Turn
from shared.artifacts import ArtifactStore
from shared.errors import DiptychError
from shared.events import JobFinished, JobPreview, JobProgress, JobQueued
from shared.imaging import size_of
from shared.jobs import GeneratedImage, JobKind

PREFIXES = {JobKind.GENERATE_IMAGE: "image_generation", JobKind.EDIT_IMAGE: "image_edit"}


@dataclass
class Shown:
    """A finished picture as it is sent."""

    output: GeneratedImage
    job_id: str
    data: bytes
    width: int
    height: int


@dataclass
class Progress:
    """How far a job is."""

    partials: int = 0
    total: int = 0


@dataclass
class PictureFormat:
    """How one request's pictures are sent."""

    store: ArtifactStore
    links: Links
    encoding: Encoding
    response_format: Literal["url", "b64_json"]
    partial_images: int
    extended: bool
    """Whether pictures carry the extension object."""
    unused_images: int = 0
    """Pictures of the request that were not looked at."""
    created: int = field(default_factory=lambda: int(time.time()))

    async def whole(self, turn: Turn, seeds: Sequence[int]) -> dict[str, Any]:
        """The answer in one piece, its pictures in the order of `seeds`. Raises DiptychError where the turn failed."""
        shown: list[Shown] = []
        async for event in turn.completed():
            if isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
                shown.append(await self._shown(event.job_id, event.output))
        shown.sort(key=lambda picture: seeds.index(picture.output.seed))
        data = [await self._entry(picture) for picture in shown]
        return {"created": self.created, "data": data, "usage": usage(shown)} | self._described(shown[0])

    async def stream(self, turn: Turn) -> AsyncGenerator[bytes, None]:
        """The answer as server-sent events. Raises DiptychError where the turn fails."""
        jobs: dict[str, Progress] = {}
        prefix = ""
        async for event in turn.completed():
            if isinstance(event, JobQueued):
                jobs[event.job_id], prefix = Progress(), PREFIXES[event.kind]
            elif isinstance(event, JobProgress):
                jobs[event.job_id].total = event.total
            elif isinstance(event, JobPreview) and self._is_due(event, jobs[event.job_id]):
                yield await self._partial(event, jobs[event.job_id], f"{prefix}.partial_image")
            elif isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
                yield await self._completed(await self._shown(event.job_id, event.output), f"{prefix}.completed")

    def _is_due(self, preview: JobPreview, job: Progress) -> bool:
        """Partial images are spread over the steps; a second attempt does not repeat them."""
        return job.partials < self.partial_images and preview.step >= job.total * (job.partials + 1) / (
            self.partial_images + 1
        )

    async def _partial(self, preview: JobPreview, job: Progress, kind: str) -> bytes:
        number, job.partials = job.partials, job.partials + 1
        data = await asyncio.to_thread(encode_preview, base64.b64decode(preview.jpeg_base64), self.encoding)
        event = {"type": kind, "b64_json": _text(data), "created_at": int(time.time()), "partial_image_index": number}
        return frame(event | self._settings("auto", "auto"), kind)

    async def _completed(self, shown: Shown, kind: str) -> bytes:
        event = {"type": kind, "created_at": int(time.time()), "usage": usage([shown])}
        return frame(event | {"b64_json": _text(shown.data)} | self._extension(shown) | self._described(shown), kind)

    async def _entry(self, shown: Shown) -> dict[str, Any]:
        if self.response_format == "b64_json":
            return {"b64_json": _text(shown.data)} | self._extension(shown)
        artifact = await asyncio.to_thread(self.store.put, shown.data, self.encoding.media_type)
        return {"url": self.links.link(artifact)} | self._extension(shown)

    async def _shown(self, job_id: str, output: GeneratedImage) -> Shown:
        return await asyncio.to_thread(self._encoded, job_id, output)

    def _encoded(self, job_id: str, output: GeneratedImage) -> Shown:
        png = self.store.get(output.artifact)
        size = self.encoding.size_of(size_of(png))
        return Shown(output, job_id, encode(png, self.encoding), *size)

    def _described(self, shown: Shown) -> dict[str, Any]:
        return self._settings("low" if shown.output.fast else "high", f"{shown.width}x{shown.height}")

    def _settings(self, quality: str, size: str) -> dict[str, Any]:
        return {"background": "opaque", "output_format": self.encoding.format, "quality": quality, "size": size}

    def _extension(self, shown: Shown) -> dict[str, Any]:
        """What OpenAI's API has no field for."""
        if not self.extended:
            return {}
        output = shown.output
        values: dict[str, Any] = {
            "job": shown.job_id,
            "seed": output.seed,
            "fast": output.fast,
            "steps": output.steps,
            "guidance": output.guidance_scale,
            "native_size": f"{output.native_width}x{output.native_height}",
            "model": output.model,
            "tokens_dropped": output.tokens_dropped,
            "unknown_words": output.unknown_words,
        }
        if output.strength is not None:
            values |= {"strength": output.strength, "unused_images": self.unused_images}
        return {"diptych": values}


def usage(shown: list[Shown]) -> dict[str, Any]:
    """Of all pictures of a request: they share their prompt and their source."""
    first = shown[0].output
    text, source = first.prompt_tokens, 0 if first.strength is None else first.image_tokens
    painted = sum(picture.output.image_tokens for picture in shown)
    return {
        "input_tokens": text + source,
        "input_tokens_details": {"text_tokens": text, "image_tokens": source},
        "output_tokens": painted,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": painted},
        "total_tokens": text + source + painted,
    }


def error_frame(error: DiptychError) -> bytes:
    body = error_body(error.status, error.code, error.message, error.param)
    return frame({"type": "error"} | body, "error")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
