"""Draws every thing of the world from Noto Color Emoji once, into `training/world/glyphs/`.

Usage: python -m training.world.extract_glyphs /path/to/NotoColorEmoji.ttf
The pictures are committed, so neither training nor the tests need the font.
"""

import sys

from PIL import Image, ImageDraw, ImageFont

from training.world.glyphs import GLYPH_DIR, GLYPH_SIDE, glyph_path
from training.world.vocab import THINGS

BITMAP_SIZE = 109
"""The only size (pixels) for which the font carries bitmaps."""


def draw_glyph(font: ImageFont.FreeTypeFont, emoji: str) -> Image.Image:
    """The emoji, cropped to its ink and centred on a transparent square of GLYPH_SIDE pixels."""
    canvas = Image.new("RGBA", (160, 160))
    ImageDraw.Draw(canvas).text((8, 8), emoji, font=font, embedded_color=True)
    ink = canvas.crop(canvas.getbbox())
    side = max(ink.size)
    square = Image.new("RGBA", (side, side))
    square.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
    return square.resize((GLYPH_SIDE, GLYPH_SIDE), Image.Resampling.LANCZOS)


def main(font_file: str) -> None:
    """Writes one PNG per thing."""
    font = ImageFont.truetype(font_file, BITMAP_SIZE)
    GLYPH_DIR.mkdir(exist_ok=True)
    for thing in THINGS:
        image = draw_glyph(font, thing.emoji)
        image.quantize(128, method=Image.Quantize.FASTOCTREE).save(glyph_path(thing.name), optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
