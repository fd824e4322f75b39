"""Set lines become a mask: how much of each pixel is ink. FreeType draws the shapes; rotation turns the mask."""

from typing import Any

import freetype
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from services.typesetting.fonts import drawing_face
from services.typesetting.setting import Block
from services.typesetting.shaping import UNITS, Glyph
from shared.text_jobs import Align

Mask = Image.Image
"""Grey: 255 where all is ink."""
FREETYPE: Any = freetype
"""Its constants are made when it is loaded, which the type checker does not see."""
FLAGS = FREETYPE.FT_LOAD_NO_HINTING | FREETYPE.FT_LOAD_RENDER


def mask_of(block: Block, align: Align) -> Mask:
    """The ink of a block, cut to what is inked."""
    margin = round(block.size)  # shapes may reach beyond their advance and above their font's ascent
    size = (round(block.width) + 2 * margin, round(block.height) + 2 * margin)
    ink = np.zeros((size[1], size[0]), np.uint8)
    baseline = margin + block.lines[0].ascent
    for line in block.lines:
        left = margin + block.left_of(line, align)
        for glyph in line.glyphs:
            draw(ink, glyph, block.size, left + glyph.x, baseline - glyph.y)
        baseline += block.pitch
    mask = Image.fromarray(ink)
    return mask.crop(mask.getbbox() or (0, 0, 1, 1))


def draw(ink: NDArray[np.uint8], glyph: Glyph, size: float, x: float, y: float) -> None:
    """Add one shape, its origin at (x, y), to a quarter of a pixel."""
    face = drawing_face(glyph.file)
    face.set_char_size(round(size * UNITS), 0, 72, 72)
    whole, part = int(np.floor(x)), round((x % 1) * 4) * UNITS // 4
    face.set_transform(freetype.Matrix(0x10000, 0, 0, 0x10000), freetype.Vector(part, 0))
    face.load_glyph(glyph.number, FLAGS)
    bitmap = face.glyph.bitmap
    if not bitmap.width or not bitmap.rows:
        return
    shape = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, bitmap.pitch)[:, : bitmap.width]
    left, top = whole + face.glyph.bitmap_left, round(y) - face.glyph.bitmap_top
    rows, columns = clipped(top, bitmap.rows, ink.shape[0]), clipped(left, bitmap.width, ink.shape[1])
    under = ink[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    np.maximum(under, shape[rows, columns], out=under)


def clipped(start: int, length: int, side: int) -> slice:
    """The part of a shape that lies within the mask."""
    return slice(max(0, -start), max(0, min(length, side - start)))


def turned(mask: Mask, degrees: float) -> Mask:
    """Anticlockwise, the mask as large as it takes."""
    return mask.rotate(degrees, Image.Resampling.BICUBIC, expand=True) if degrees % 360 else mask


def grown(mask: Mask, width: int) -> Mask:
    """The ink with a rim of this width around it, the mask larger by as much on each side."""
    wide = Image.new("L", (mask.width + 2 * width, mask.height + 2 * width))
    wide.paste(mask, (width, width))
    rim = wide.filter(ImageFilter.MaxFilter(2 * width + 1)).filter(ImageFilter.GaussianBlur(0.6))
    return ImageChops.lighter(rim, wide)


def plate_of(mask: Mask, rim: int) -> Mask:
    """A plain ground that is wider than the ink by `rim` on each side, with round corners.

    At least half as wide again as high: a narrow one with a letter in it looks like a letter itself.
    """
    height = mask.height + 2 * rim
    width = max(mask.width + 2 * rim, height * 3 // 2)
    plate = Image.new("L", (width, height))
    ImageDraw.Draw(plate).rounded_rectangle((0, 0, width - 1, height - 1), radius=rim, fill=255)
    return plate
