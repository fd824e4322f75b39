"""Decodes one untrusted file in its own process: bytes in on stdin; out on stdout come PNGs, each after its length in
four bytes (a picture or mask gives one, a PDF one for each page); or exit code 3, and a code as stderr's last line.

A PDF page's own text goes with its picture, in a chunk of the PNG that only this process writes: so the same pixels
with other text are another picture.

Run by path with `python -I`, never imported: it must load nothing of ours, and the limits it sets are for its
whole process. Formats are decided by shared/imaging.py, which starts it; shared/imaging_limits.py has limits and codes.
"""

import ctypes
import io
import json
import resource
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

LAYER_CHUNK = b"laYR"
"""Words as JSON, [text, left, top, right, bottom] each, in pixels of the picture; compressed."""
BROKEN = "\x02"
"""What PDFium gives for a hyphen at the end of a line."""
FINE = 16
"""Parts of a pixel in which PDFium is asked for places, which it gives in whole numbers."""


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


def encode(image: Image.Image, words: list[Any] | None = None) -> bytes:
    """An RGB picture or a grey mask as a PNG without any metadata, but for the words that its page is made of."""
    out, info = io.BytesIO(), PngInfo()
    if words:
        info.add(LAYER_CHUNK, zlib.compress(json.dumps(words).encode()))
    Image.frombytes(image.mode, image.size, image.tobytes()).save(out, "PNG", compress_level=1, pnginfo=info)
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
        yield encode(image.convert("RGB"), words_of(Layer(page, image.size), limits["max_characters"]))
        page.close()


class Layer:
    """The characters of a PDF page, where they are in its picture. A thin face of PDFium's C functions."""

    def __init__(self, page: Any, size: tuple[int, int]) -> None:
        import pypdfium2.raw  # noqa: PLC0415 - as above

        self.raw = pypdfium2.raw
        self.page, self.size = page, size
        self.text = page.get_textpage()
        self.count: int = self.text.count_chars()

    def character(self, index: int) -> str:
        """U+FFFD where the font does not say which one it is."""
        code = self.raw.FPDFText_GetUnicode(self.text, index)
        known = self.raw.FPDFText_HasUnicodeMapError(self.text, index) == 0 and code < 0x110000
        return chr(code) if known and not 0xD800 <= code < 0xE000 else "\ufffd"

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page in pixels."""
        wide, high = (side * FINE for side in self.size)
        across, down = ctypes.c_int(), ctypes.c_int()
        self.raw.FPDF_PageToDevice(self.page, 0, 0, wide, high, 0, x, y, across, down)
        return across.value / FINE, down.value / FINE

    def box(self, index: int) -> tuple[float, float, float, float]:
        bounds = self.raw.FS_RECTF()
        self.raw.FPDFText_GetLooseCharBox(self.text, index, bounds)
        (x, y), (far_x, far_y) = self.place(bounds.left, bounds.top), self.place(bounds.right, bounds.bottom)
        return min(x, far_x), min(y, far_y), max(x, far_x), max(y, far_y)

    def upright(self, index: int) -> bool:
        """Whether the text goes from left to right in the picture, its letters on their feet."""
        matrix = self.raw.FS_MATRIX()
        if not self.raw.FPDFText_GetMatrix(self.text, index, matrix):
            return False
        (x, y), (far_x, far_y) = self.place(0, 0), self.place(1000 * matrix.a, 1000 * matrix.b)
        _, head = self.place(1000 * matrix.c, 1000 * matrix.d)
        return far_x > x and abs(far_y - y) < 0.05 * (far_x - x) and head < y


def words_of(layer: Layer, most: int) -> list[Any]:
    """The words of a page in its own order; those that do not stand upright are left to others."""
    words: list[Any] = []
    between = True
    for index in range(min(layer.count, most)):
        character = layer.character(index)
        if character.isspace():
            between = True
        elif character == BROKEN and words:
            words[-1][0] += "-"
            between = True
        elif layer.upright(index):
            left, top, right, bottom = layer.box(index)
            if between:
                words.append([character, left, top, right, bottom])
            else:
                words[-1][0] += character
                words[-1][1:] = grown(words[-1][1:], (left, top, right, bottom))
            between = False
    return words


def grown(box: list[float], other: tuple[float, ...]) -> list[float]:
    return [min(box[0], other[0]), min(box[1], other[1]), max(box[2], other[2]), max(box[3], other[3])]


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
