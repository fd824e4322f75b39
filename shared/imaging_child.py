"""Decodes one untrusted file in its own process: bytes in on stdin; out on stdout come PNGs, each after its length in
four bytes (a picture or mask gives one, a PDF one for each page); or exit code 3, and a code as stderr's last line.

Run by path with `python -I`, never imported: it must load nothing of ours, and the limits it sets are for its
whole process. Formats are decided by shared/imaging.py, which starts it; shared/imaging_limits.py has limits and codes.
"""

import io
import json
import resource
import struct
import sys
import warnings
from collections.abc import Iterator

from PIL import Image, ImageOps


class Refused(Exception):
    """The file is not accepted; the argument is a code of shared/imaging_limits.py."""


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


def encode(image: Image.Image) -> bytes:
    """An RGB picture or a grey mask as a PNG without any metadata."""
    out = io.BytesIO()
    Image.frombytes(image.mode, image.size, image.tobytes()).save(out, "PNG", compress_level=1)
    return out.getvalue()


def transparent(image: Image.Image) -> Image.Image:
    """A mask, grey: 255 where the picture is wholly transparent, 0 elsewhere."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        raise Refused("mask_without_alpha")
    mask = image.convert("RGBA").getchannel("A").point([255] + 255 * [0])
    if mask.getbbox() is None:
        raise Refused("empty_mask")
    return mask


def upright(data: bytes, limits: dict[str, int]) -> Image.Image:
    """The first frame, turned as its metadata says."""
    Image.MAX_IMAGE_PIXELS = limits["max_pixels"]
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
        check_size(*image.size, limits)
        image.load()
        return ImageOps.exif_transpose(image)


def decode_picture(data: bytes, limits: dict[str, int]) -> Iterator[bytes]:
    yield encode(flatten(upright(data, limits)))


def decode_mask(data: bytes, limits: dict[str, int]) -> Iterator[bytes]:
    yield encode(transparent(upright(data, limits)))


def page_scale(width: float, height: float, limits: dict[str, int]) -> float:
    """Pixels per point (1/72 inch): as many as asked for, fewer where the page would be over its bounds."""
    if min(width, height) < limits["min_side"] or max(width, height) > limits["max_aspect"] * min(width, height):
        raise Refused("invalid_pdf_page")
    within = min(limits["page_side"] / max(width, height), (limits["page_pixels"] / (width * height)) ** 0.5)
    return min(limits["page_dpi"] / 72, within)


def render_pages(data: bytes, limits: dict[str, int]) -> Iterator[bytes]:
    """Every page, with its annotations and filled forms."""
    import pypdfium2  # noqa: PLC0415 - loading it would cost every picture its time, and its part of the memory

    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Refused("pdf_encrypted" if "password" in str(error).lower() else "invalid_pdf") from None
    if not 0 < len(pdf) <= limits["max_pages"]:
        raise Refused("pdf_too_many_pages" if len(pdf) else "invalid_pdf")
    pdf.init_forms()
    for page in pdf:
        image = page.render(scale=page_scale(*page.get_size(), limits)).to_pil()  # pyright: ignore[reportArgumentType]
        yield encode(image.convert("RGB"))
        page.close()


DECODERS = {"picture": decode_picture, "mask": decode_mask, "pdf": render_pages}


def main() -> int:
    limits = json.loads(sys.argv[1])
    limit(limits["memory_bytes"], limits["cpu_seconds"])
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        for png in DECODERS[sys.argv[2]](sys.stdin.buffer.read(), limits):
            sys.stdout.buffer.write(struct.pack(">I", len(png)) + png)
    except Refused as refusal:
        code = str(refusal)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        code = "image_too_large"
    except Exception:  # whatever a decoder does with hostile bytes, the answer is the same
        code = ""
    else:
        return 0
    sys.stderr.write(f"\n{code}")
    return 3


if __name__ == "__main__":
    sys.exit(main())
