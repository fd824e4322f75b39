"""Our own pictures as clients ask for them: another format, another size. The mark of their making goes along.

Knows no jobs and no HTTP. Blocks.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from shared.artifacts import ArtifactStore
from shared.imaging import open_own, size_of
from shared.provenance import XMP_CHUNK, text_chunks

Format = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True)
class Encoding:
    """How a picture is to be sent."""

    format: Format = "png"
    quality: int = 100
    """Of a JPEG or WebP, in percent; a WebP of 100 is lossless."""
    within: tuple[int, int] | None = None
    """Width and height that it must fit as large as it can, its proportions kept; None: its own."""

    @property
    def media_type(self) -> str:
        return f"image/{self.format}"

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height that a picture of `size` is sent at."""
        if self.within is None:
            return size
        scale = min(self.within[0] / size[0], self.within[1] / size[1])
        return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)


@lru_cache(maxsize=4096)
def size_in(store: ArtifactStore, artifact_id: str) -> tuple[int, int]:
    """Width and height of a PNG of our own, known again once it was read. Raises NotFound."""
    return size_of(store.get(artifact_id))


def encode(png: bytes, encoding: Encoding) -> bytes:
    """A PNG of our own (an artifact) in another encoding; as it is where nothing is to change."""
    size = encoding.size_of(size_of(png))
    if encoding.format == "png" and size == size_of(png):
        return png
    image = open_own(png)
    if size != image.size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return _written(image, encoding, text_chunks(png))


def encode_preview(jpeg: bytes, encoding: Encoding) -> bytes:
    """A worker's preview in another format, at its own small size."""
    if encoding.format == "jpeg":
        return jpeg
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        return _written(image.convert("RGB"), encoding, {})


def _written(image: Image.Image, encoding: Encoding, texts: dict[str, str]) -> bytes:
    out = io.BytesIO()
    if encoding.format == "png":
        info = PngInfo()
        for name, text in texts.items():
            info.add_itxt(name, text)
        image.save(out, "PNG", pnginfo=info, compress_level=6)
        return out.getvalue()
    marks = {"xmp": texts[XMP_CHUNK].encode()} if XMP_CHUNK in texts else {}
    if encoding.format == "webp":
        image.save(out, "WEBP", quality=encoding.quality, lossless=encoding.quality == 100, **marks)
    else:
        image.save(out, "JPEG", quality=encoding.quality, **marks)
    return out.getvalue()
