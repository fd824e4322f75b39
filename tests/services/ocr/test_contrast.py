"""Faint pages, stretched and read."""

import numpy as np
import pytest
from PIL import Image

from services.ocr.contrast import plainer
from services.ocr.reader import Reader
from tests.services.ocr.pages import PAGE_LINES, read, strip


def picture(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8)[None, :, None], 3, axis=2)


def test_a_faint_picture_is_stretched_around_its_middle():
    assert plainer(picture(100, 130, 160)).tolist() == picture(8, 128, 248).tolist()
    assert plainer(picture(100, 150, 200)).tolist() == picture(0, 128, 255).tolist()


@pytest.mark.parametrize("values", [(0, 128, 255), (60, 188), (90, 90)])
def test_a_picture_with_contrast_or_with_none_stays_as_it_is(values: tuple[int, ...]):
    assert plainer(picture(*values)).tolist() == picture(*values).tolist()


@pytest.mark.parametrize("spread", [24, -24])
def test_ink_of_nearly_the_papers_grey_is_read(reader: Reader, spread: int):
    faint = Image.eval(strip(0, 4).convert("L"), lambda level: round(120 + spread * level / 255)).convert("RGB")
    assert read(reader, faint).text.splitlines() == PAGE_LINES[:4]


def test_the_grain_of_blank_paper_is_no_text(reader: Reader):
    grain = np.random.default_rng(5).normal(180, 3, (600, 600, 1)).repeat(3, axis=2)
    assert read(reader, Image.fromarray(grain.clip(0, 255).astype(np.uint8))).lines == ()
