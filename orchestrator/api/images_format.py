"""Painted pictures in the form of OpenAI's Images API: one object, or server-sent events."""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.api.errors import error_body
from orchestrator.api.images_objects import (
    CompletedImage,
    ImagesAnswer,
    ImageUsage,
    PartialImage,
    PictureDetails,
    PictureObject,
)
from orchestrator.api.sse import frame
from orchestrator.links import Links
from orchestrator.pictures import Encoding, encode, encode_preview
from orchestrator.turns import Turn
from shared.artifacts import ArtifactStore
from shared.errors import DiptychError
from shared.events import JobPreview, JobProgress, JobQueued, PictureDone
from shared.imaging import size_of
from shared.jobs import JobKind

PARTIAL: dict[JobKind, Any] = {
    JobKind.GENERATE_IMAGE: "image_generation.partial_image",
    JobKind.EDIT_IMAGE: "image_edit.partial_image",
}
COMPLETED: dict[JobKind, Any] = {
    JobKind.GENERATE_IMAGE: "image_generation.completed",
    JobKind.EDIT_IMAGE: "image_edit.completed",
}


@dataclass
class Shown:
    """A finished picture as it is sent."""

    done: PictureDone
    data: bytes
    width: int
    height: int


@dataclass
class Progress:
    """How far a job is."""

    kind: JobKind
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

    async def whole(self, turn: Turn, seeds: Sequence[int]) -> ImagesAnswer:
        """The answer in one piece, its pictures in the order of `seeds`. Raises DiptychError where the turn failed."""
        shown: list[Shown] = []
        async for event in turn.completed():
            if isinstance(event, PictureDone):
                shown.append(await self._shown(event))
        shown.sort(key=lambda picture: seeds.index(picture.done.painted.seed))
        data = [await self._entry(picture) for picture in shown]
        return ImagesAnswer(
            created=self.created,
            data=data,
            usage=ImageUsage.of([picture.done.painted for picture in shown]),
            **self._described(shown[0]),
        )

    async def stream(self, turn: Turn) -> AsyncGenerator[bytes, None]:
        """The answer as server-sent events. Raises DiptychError where the turn fails."""
        jobs: dict[str, Progress] = {}
        async for event in turn.completed():
            if isinstance(event, JobQueued):
                jobs[event.job_id] = Progress(event.kind)
            elif isinstance(event, JobProgress):
                jobs[event.job_id].total = event.total
            elif isinstance(event, JobPreview) and self._is_due(event, jobs[event.job_id]):
                yield await self._partial(event, jobs[event.job_id])
            elif isinstance(event, PictureDone):
                yield self._completed(await self._shown(event))

    def _is_due(self, preview: JobPreview, job: Progress) -> bool:
        """Partial images are spread over the steps; a second attempt does not repeat them."""
        return job.partials < self.partial_images and preview.step >= job.total * (job.partials + 1) / (
            self.partial_images + 1
        )

    async def _partial(self, preview: JobPreview, job: Progress) -> bytes:
        number, job.partials = job.partials, job.partials + 1
        data = await asyncio.to_thread(encode_preview, base64.b64decode(preview.jpeg_base64), self.encoding)
        event = PartialImage(
            type=PARTIAL[job.kind],
            b64_json=_text(data),
            partial_image_index=number,
            created_at=int(time.time()),
            output_format=self.encoding.format,
        )
        return frame(event.model_dump(exclude_none=True), event.type)

    def _completed(self, shown: Shown) -> bytes:
        event = CompletedImage(
            type=COMPLETED[shown.done.painted.kind],
            b64_json=_text(shown.data),
            created_at=int(time.time()),
            usage=ImageUsage.of([shown.done.painted]),
            diptych=self._details(shown),
            **self._described(shown),
        )
        return frame(event.model_dump(exclude_none=True), event.type)

    async def _entry(self, shown: Shown) -> PictureObject:
        details = self._details(shown)
        if self.response_format == "b64_json":
            return PictureObject(b64_json=_text(shown.data), diptych=details)
        artifact = await asyncio.to_thread(self.store.put, shown.data, self.encoding.media_type)
        return PictureObject(url=self.links.link(artifact), diptych=details)

    async def _shown(self, done: PictureDone) -> Shown:
        return await asyncio.to_thread(self._encoded, done)

    def _encoded(self, done: PictureDone) -> Shown:
        png = self.store.get(done.artifact)
        size = self.encoding.size_of(size_of(png))
        return Shown(done, encode(png, self.encoding), *size)

    def _described(self, shown: Shown) -> dict[str, Any]:
        return {
            "output_format": self.encoding.format,
            "quality": "low" if shown.done.painted.fast else "high",
            "size": f"{shown.width}x{shown.height}",
        }

    def _details(self, shown: Shown) -> PictureDetails | None:
        return PictureDetails.of(shown.done, self.unused_images, self.links) if self.extended else None


def error_frame(error: DiptychError) -> bytes:
    body = error_body(error.status, error.code, error.message, error.param)
    return frame({"type": "error"} | body, "error")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
