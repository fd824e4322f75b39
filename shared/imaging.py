"""The only place that opens untrusted pixels: PNG, JPEG, WebP and GIF (first frame), and the pages of PDFs, decoded in
a limited process.

What comes out are upright RGB pictures (of masks, grey ones) without any metadata, as PNGs. Decoder errors never
reach the caller's text: a library's message can carry addresses (CVE-2026-22778). Knows nothing of where pictures are
kept.
"""

import base64
import binascii
import io
import json
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from shared.errors import DiptychError, InvalidFile, InvalidImage, RemoteImageRefused
from shared.imaging_limits import FILE_MESSAGES, MAX_BYTES, MAX_PDF_BYTES, MESSAGES, PDF, PICTURE

LAYER_CHUNK = b"laYR"
"""As the child names it, which is never imported."""
MAX_LAYER_BYTES = 16 * 1024 * 1024
CHILD = Path(__file__).with_name("imaging_child.py")
MAGIC = {
    "image/png": re.compile(rb"^\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"^\xff\xd8\xff"),
    "image/webp": re.compile(rb"^RIFF.{4}WEBP", re.DOTALL),
    "image/gif": re.compile(rb"^GIF8[79]a"),
}
DATA_URL = re.compile(r"^data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<base64>;base64)?,(?P<body>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Decoded:
    """An upright RGB picture, or a grey mask, without metadata."""

    png: bytes
    width: int
    height: int


def refusal(code: str) -> InvalidImage:
    return InvalidImage(MESSAGES[code], code=code)


def file_refusal(code: str) -> InvalidFile:
    return InvalidFile(FILE_MESSAGES[code], code=code)


def parse_data_url(url: str) -> tuple[str | None, bytes]:
    """The declared media type and the bytes of a base64 data URL.

    Raises:
        RemoteImageRefused: any other kind of URL.
        InvalidImage: not base64, or too long.
    """
    match = DATA_URL.match(url)
    if match is None or not match["base64"]:
        raise RemoteImageRefused(MESSAGES["invalid_image_url"])
    if len(match["body"]) > MAX_BYTES * 4 // 3 + 4:
        raise refusal("image_file_too_large")
    try:
        return match["type"], base64.b64decode(match["body"], validate=True)
    except (binascii.Error, ValueError):
        raise refusal("invalid_base64_image") from None


def sniff(data: bytes) -> str:
    """The media type that the first bytes show. Raises InvalidImage for anything that is not a supported picture."""
    for media_type, magic in MAGIC.items():
        if magic.match(data):
            return media_type
    raise refusal("unsupported_image_media_type")


def is_pdf(data: bytes) -> bool:
    return data.startswith(b"%PDF-")


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode untrusted bytes in a process with memory, CPU and wall-clock limits. Blocks for about 0.1 s and more.

    Raises:
        InvalidImage: with one of the codes in MESSAGES.
    """
    return _decoded("picture", data, declared)


def decode_mask(data: bytes, declared: str | None = None) -> Decoded:
    """As `decode`, for a mask as OpenAI's API has it, of which only the alpha channel counts.

    What is wholly transparent becomes 255 (to be edited), everything else 0.

    Raises:
        InvalidImage: also where there is no alpha channel, or nothing to be edited.
    """
    return _decoded("mask", data, declared)


def _decoded(kind: Literal["picture", "mask"], data: bytes, declared: str | None) -> Decoded:
    if not data:
        raise refusal("empty_image_file")
    if len(data) > MAX_BYTES:
        raise refusal("image_file_too_large")
    actual = sniff(data)
    if declared is not None and declared.lower().replace("image/jpg", "image/jpeg") != actual:
        raise refusal("invalid_image_format")
    try:
        (picture,) = _limited(kind, data, PICTURE)
    except _ChildRefused as refused:
        raise refusal(refused.code if refused.code in MESSAGES else "invalid_image") from None
    return picture


def render_pdf(data: bytes) -> tuple[Decoded, ...]:
    """The pages of an untrusted PDF, in order, in a process limited like that of pictures. Blocks for seconds.

    Raises:
        InvalidFile: with one of the codes in FILE_MESSAGES.
    """
    if len(data) > MAX_PDF_BYTES:
        raise file_refusal("pdf_file_too_large")
    try:
        return _limited("pdf", data, PDF)
    except _ChildRefused as refused:
        raise file_refusal(refused.code if refused.code in FILE_MESSAGES else "invalid_pdf") from None


class _ChildRefused(DiptychError):
    """The decoding process gave no picture; `code` is what it said."""


def _limited(kind: Literal["picture", "mask", "pdf"], data: bytes, limits: dict[str, int]) -> tuple[Decoded, ...]:
    command = [sys.executable, "-I", str(CHILD), json.dumps(limits), kind]
    wall = limits["wall_seconds"]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=wall, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise _ChildRefused("The decoder took too long.", code="timeout") from None
    if done.returncode != 0:
        code = done.stderr.decode("ascii", "replace").rpartition("\n")[2]
        raise _ChildRefused("The decoder refused, or was stopped.", code=code)
    return tuple(_pictures(done.stdout))


def _pictures(output: bytes) -> Iterator[Decoded]:
    """What the child wrote: each PNG after its length."""
    at = 0
    while at < len(output):
        end = at + 4 + struct.unpack_from(">I", output, at)[0]
        png = output[at + 4 : end]
        width, height = size_of(png)
        yield Decoded(png=png, width=width, height=height)
        at = end


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG that this house encoded itself."""
    return struct.unpack_from(">II", png, 16)  # its IHDR, which comes first


def open_own(png: bytes) -> Image.Image:
    """Open a picture that this house encoded itself (an artifact). Not for anything that came from outside."""
    return _open(png).convert("RGB")


def layer_of(png: bytes) -> bytes | None:
    """The words of a PDF's page as shared/imaging_child.py wrote them beside its pixels, as JSON; None: it has none."""
    image = Image.open(io.BytesIO(png), formats=("PNG",))  # the chunk comes before the pixels, which are left alone
    chunks: list[tuple[bytes, bytes]] = getattr(image, "private_chunks", [])
    layers = [chunk[1] for chunk in chunks if chunk[0] == LAYER_CHUNK]
    return zlib.decompressobj().decompress(layers[0], MAX_LAYER_BYTES) if layers else None


def open_mask(png: bytes) -> Image.Image:
    """Open a mask that this house encoded itself, grey: 255 where something is to change."""
    return _open(png).convert("L")


def _open(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    image.load()
    return image
