"""The only place that opens untrusted pixels: PNG, JPEG, WebP and GIF (first frame), decoded in a limited process.

What comes out is an upright RGB picture without any metadata, as a PNG. Decoder errors never reach the caller's
text: a library's message can carry addresses (CVE-2026-22778). Knows nothing of where pictures are kept.
"""

import base64
import binascii
import io
import json
import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from shared.errors import InvalidImage, RemoteImageRefused

CHILD = Path(__file__).with_name("imaging_child.py")
MAX_BYTES = 20 * 1024 * 1024
WALL_SECONDS = 20
LIMITS = {
    "max_pixels": 40_000_000,
    "max_side": 16_384,
    "min_side": 8,
    "max_aspect": 20,
    "memory_bytes": 1 << 30,
    "cpu_seconds": 10,
}
MAGIC = {
    "image/png": re.compile(rb"^\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"^\xff\xd8\xff"),
    "image/webp": re.compile(rb"^RIFF.{4}WEBP", re.DOTALL),
    "image/gif": re.compile(rb"^GIF8[79]a"),
}
MESSAGES = {
    "invalid_image": "The image could not be decoded. Send an undamaged PNG, JPEG, WebP or GIF.",
    "image_too_large": "The image has too many pixels: at most 40 megapixels and 16384 on a side. Scale it down.",
    "image_too_small": "The image is too small: each side must have at least 8 pixels.",
    "invalid_image_aspect": "The image is too long and thin: one side may be at most 20 times the other. Crop it.",
    "image_file_too_large": "The image file is larger than 20 MiB. Compress it or scale it down.",
    "empty_image_file": "The image is empty.",
    "unsupported_image_media_type": "The image is not in a supported format. Send a PNG, JPEG, WebP or GIF.",
    "invalid_image_format": "The image is not of the type that its data URL names. Correct the type.",
    "invalid_base64_image": "The image's data URL is not valid base64.",
    "invalid_image_url": "Only data URLs (data:image/png;base64,…) are accepted; remote images are not fetched.",
}
DATA_URL = re.compile(r"^data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<base64>;base64)?,(?P<body>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Decoded:
    """An upright RGB picture without metadata."""

    png: bytes
    width: int
    height: int


def refusal(code: str) -> InvalidImage:
    return InvalidImage(MESSAGES[code], code=code)


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
    """The media type that the first bytes show. Raises InvalidImage for anything that is not supported."""
    for media_type, magic in MAGIC.items():
        if magic.match(data):
            return media_type
    raise refusal("unsupported_image_media_type")


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """Decode untrusted bytes in a process with memory, CPU and wall-clock limits. Blocks for about 0.1 s and more.

    Raises:
        InvalidImage: with one of the codes in MESSAGES.
    """
    if not data:
        raise refusal("empty_image_file")
    if len(data) > MAX_BYTES:
        raise refusal("image_file_too_large")
    actual = sniff(data)
    if declared is not None and declared.lower().replace("image/jpg", "image/jpeg") != actual:
        raise refusal("invalid_image_format")
    command = [sys.executable, "-I", str(CHILD), json.dumps(LIMITS)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=WALL_SECONDS, env={}, check=False)
    except subprocess.TimeoutExpired:
        raise refusal("invalid_image") from None
    if done.returncode != 0:
        code = done.stdout.decode("ascii", "replace") if done.returncode == 3 else "invalid_image"
        raise refusal(code if code in MESSAGES else "invalid_image")
    width, height = struct.unpack(">II", done.stdout[16:24])  # a PNG's IHDR, which comes first
    return Decoded(png=done.stdout, width=width, height=height)


def open_own(png: bytes) -> Image.Image:
    """Open a picture that this house encoded itself (an artifact). Not for anything that came from outside."""
    image = Image.open(io.BytesIO(png), formats=("PNG",))
    image.load()
    return image.convert("RGB")
