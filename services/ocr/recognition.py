"""What a piece of text says: one crop at a time, wide ones in parts. Does not know where on the page it stood.

Recognition takes nearly all of the reader's time, grows with the crop's width, and is slower in batches on a CPU
(padding and cache). Only very long lines are cut, at word gaps, so that a cancel need not wait for them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rapidocr.ch_ppocr_rec import TextRecognizer

from services.ocr.loading import Pixels

MAX_ASPECT = 64.0
"""Width in heights beyond which a crop is cut. Lines of usual length stay whole: cutting them took 7 % less time but
made half as many errors again, for want of context."""
MIN_GAP = 0.2
"""Of the crop's height. Gaps between letters are narrower."""
INK_CONTRAST = 48
"""Difference of grey levels inside a column of pixels that has ink in it."""
NARROWEST = 320 / 48
"""The aspect that the recogniser was trained with; narrower crops are padded to it."""
UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""Chinese and Japanese characters and their punctuation: no spaces stand between them."""


@dataclass(frozen=True)
class Reading:
    """Text and the recogniser's mean probability per character, 0 to 1."""

    text: str
    confidence: float


def recognise(recogniser: TextRecognizer, crop: Pixels) -> Iterator[Reading | None]:
    """Read one crop: yields None between its parts, at last the reading of the whole."""
    readings = []
    for part in parts_of(crop):
        if readings:
            yield None
        readings.append(recognise_part(recogniser, part))
    yield join(readings)


def recognise_part(recogniser: TextRecognizer, crop: Pixels) -> Reading:
    height, width = crop.shape[:2]
    aspect = max(width / height, NARROWEST)
    scores = recogniser.session(recogniser.resize_norm_img(crop, aspect)[np.newaxis])
    (text, confidence), *_ = recogniser.postprocess_op(scores)[0]
    return Reading(text.strip(), float(confidence))


def join(readings: list[Reading]) -> Reading:
    """Readings side by side as one, a space between them; the confidence is weighted by length."""
    kept = [reading for reading in readings if reading.text]
    text = kept[0].text if kept else ""
    for reading in kept[1:]:
        unspaced = UNSPACED.match(text[-1]) and UNSPACED.match(reading.text[0])
        text += reading.text if unspaced else f" {reading.text}"
    length = sum(len(reading.text) for reading in kept)
    return Reading(text, sum(reading.confidence * len(reading.text) for reading in kept) / max(length, 1))


def parts_of(crop: Pixels) -> list[Pixels]:
    """The crop cut at word gaps into parts of about equal width, or whole where it is narrow or has no clear gaps."""
    height, width = crop.shape[:2]
    count = int(np.ceil(width / (MAX_ASPECT * height)))
    if count == 1:
        return [crop]
    gaps = word_gaps(crop)
    cuts = [0]
    for number in range(1, count):
        target, reach = width * number / count, width / count / 3
        near = [gap for gap in gaps if abs(gap[0] - target) < reach]
        if near:
            cuts.append(max(near, key=lambda gap: gap[1])[0])  # the widest: certainly between words
    return [crop[:, left:right] for left, right in zip(cuts, [*cuts[1:], width], strict=True)]


def word_gaps(crop: Pixels) -> list[tuple[int, int]]:
    """(middle, width) in pixels of each stretch without ink that is wide enough to lie between words."""
    grey = crop.mean(axis=2)
    blank = (grey.max(axis=0) - grey.min(axis=0)) < INK_CONTRAST
    edges = np.flatnonzero(np.diff(np.concatenate([[False], blank, [False]]).astype(np.int8)))
    spans = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    wide = [(start, end) for start, end in spans if end - start >= MIN_GAP * crop.shape[0]]
    widest = max((end - start for start, end in wide), default=0)
    return [((start + end) // 2, end - start) for start, end in wide if end - start >= 0.5 * widest]
