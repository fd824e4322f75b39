"""The contact sheet: the painter's first 64 pictures, uncurated, with their prompts and the judge's verdicts."""

from pathlib import Path
from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from training.detector_model import Detector
from training.evaluate_detector import passed
from training.evaluate_painter import MANY_STEPS, load_brushes
from training.evaluate_tasks import ALL_TASKS, Case, cases

COLUMNS = 8
TILE = 128
GAP = 6
CAPTION = 52
"""Height in pixels of a prompt below its picture."""
FONT_SIZE = 10
LINE_LETTERS = 25
MOST_BYTES = 300_000
VERDICTS = {True: (30, 140, 50), False: (200, 40, 40)}


def sheet_cases() -> list[Case]:
    """Eight rows, one for each task, of its first eight cases; picture number k has seed k."""
    return [case for name in ALL_TASKS for case in cases(name, COLUMNS)]


def draw_sheet(pixels: Tensor, asked: list[Case], outcomes: list[bool]) -> Image.Image:
    """Pictures (64, 3, 128, 128) in -1..1; a bar under each is green where the judge finds what was asked for.

    Prompts of held-out combinations begin with an asterisk.
    """
    width, height = TILE + GAP, TILE + CAPTION
    sheet = Image.new("RGB", (COLUMNS * width + GAP, -(-len(asked) // COLUMNS) * height + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    arrays = ((pixels.permute(0, 2, 3, 1) + 1) * 127.5).clamp(0, 255).round().byte().numpy()
    for k, (array, case, right) in enumerate(zip(arrays, asked, outcomes, strict=True)):
        x, y = GAP + k % COLUMNS * width, GAP + k // COLUMNS * height
        sheet.paste(Image.fromarray(np.ascontiguousarray(array)), (x, y))
        draw.rectangle((x, y + TILE, x + TILE - 1, y + TILE + 2), fill=VERDICTS[right])
        lines = wrap(("* " if case.held_out else "") + case.prompt, LINE_LETTERS)
        draw.multiline_text((x, y + TILE + 3), "\n".join(lines), fill="black", font_size=FONT_SIZE, spacing=1)
    return sheet


def write_contact_sheet(painter: Path, detector_folder: Path, path: Path) -> None:
    """Paints, judges and writes a JPEG of at most MOST_BYTES."""
    asked = sheet_cases()
    pictures = load_brushes(painter)[MANY_STEPS].paint([case.prompt for case in asked])
    outcomes = passed(Detector.load(detector_folder), pictures, [case.wanted for case in asked])
    sheet = draw_sheet(pictures, asked, outcomes)
    for quality in range(88, 40, -6):
        sheet.save(path, quality=quality, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            return
