"""Decodes one untrusted picture in its own process: bytes in on stdin, PNG (or exit code 3 and a code) out on stdout.

Run by path with `python -I`, never imported: it must load nothing of ours, and the limits it sets are for its
whole process. Formats, limits and messages are decided by shared/imaging.py, which starts it.
"""

import io
import json
import resource
import sys
import warnings

from PIL import Image, ImageOps


class Refused(Exception):
    """The picture is not accepted; the argument is one of imaging.MESSAGES."""


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check_size(width: int, height: int, limits: dict[str, int]) -> None:
    if min(width, height) < limits["min_side"]:
        raise Refused("image_too_small")
    if width * height > limits["max_pixels"] or max(width, height) > limits["max_side"]:
        raise Refused("image_too_large")
    if max(width, height) > limits["max_aspect"] * min(width, height):
        raise Refused("invalid_image_aspect")


def flatten(image: Image.Image) -> Image.Image:
    """RGB, with white under what is transparent; deep greys are scaled, not clipped."""
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def decode(data: bytes, limits: dict[str, int]) -> bytes:
    """The first frame, upright, as a PNG without any metadata."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
        check_size(*image.size, limits)
        image.load()
        upright = ImageOps.exif_transpose(image)
        clean = Image.frombytes("RGB", upright.size, flatten(upright).tobytes())
    out = io.BytesIO()
    clean.save(out, "PNG", compress_level=1)
    return out.getvalue()


def main() -> int:
    limits = json.loads(sys.argv[1])
    limit(limits["memory_bytes"], limits["cpu_seconds"])
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = limits["max_pixels"]
    try:
        png = decode(sys.stdin.buffer.read(), limits)
    except Refused as refusal:
        sys.stdout.write(str(refusal))
        return 3
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        sys.stdout.write("image_too_large")
        return 3
    except Exception:  # whatever a decoder does with hostile bytes, the answer is the same
        sys.stdout.write("invalid_image")
        return 3
    sys.stdout.buffer.write(png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
