"""What a piece of text says: one crop at a time, wide ones in parts. Does not know where on the page it stood.

Recognition takes most of the reader's time, grows with the crop's width, and is slower in batches on a CPU (padding and
cache). Only very long lines are cut, at word gaps.
"""

import re
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ocr.loading import Floats, Pixels, Recogniser, normalised

HEIGHT = 48
"""Of what the recogniser sees, in pixels."""
MAX_ASPECT = 64.0
"""Width in heights beyond which a crop is cut. Lines of usual length stay whole: cutting them took 7 % less time but
made half as many errors again, for want of context."""
MIN_GAP = 0.2
"""Of the crop's height. Gaps between letters are narrower."""
INK_CONTRAST = 48
"""Difference of grey levels inside a column of pixels that has ink in it."""
WIDTHS = (*range(320, 800, 80), *range(800, 1600, 160), *range(1600, int(MAX_ASPECT * HEIGHT) + 320, 320))
"""Widths that the recogniser sees, in pixels; a crop is padded to the next one. The narrowest is what it was trained
with; there are few of them because a new shape costs five times a known one."""
UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""Chinese and Japanese characters and their punctuation: no spaces stand between them."""


@dataclass(frozen=True)
class Word:
    """What stands between two spaces, and where it begins and ends in its crop: shares of the crop's width."""

    text: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True)
class Reading:
    """Text and the recogniser's mean probability per character, 0 to 1."""

    text: str
    confidence: float
    words: tuple[Word, ...] = ()


def recognise(recogniser: Recogniser, crop: Pixels) -> Reading:
    """Read one crop of any width."""
    parts = parts_of(crop)
    readings, left = [], 0
    for part in parts:
        share = part.shape[1] / crop.shape[1]
        readings.append(placed(recognise_part(recogniser, part), left / crop.shape[1], share))
        left += part.shape[1]
    return join(readings)


def recognise_part(recogniser: Recogniser, crop: Pixels) -> Reading:
    height, width = crop.shape[:2]
    wanted = min(max(round(HEIGHT * width / height), 1), WIDTHS[-1])
    padded = next(size for size in WIDTHS if size >= wanted)
    seen = np.zeros((1, 3, HEIGHT, padded), np.float32)
    seen[0, :, :, :wanted] = normalised(np.asarray(cv2.resize(crop, (wanted, HEIGHT)), np.uint8))
    classes, chances = recogniser.network(seen, likeliest)
    return decode(classes, chances, recogniser.characters, padded / wanted)


def likeliest(output: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The class that each column most likely shows, and how likely."""
    classes = output[0].argmax(axis=1)
    return classes, output[0][np.arange(len(classes)), classes]


def decode(classes: NDArray[np.int64], chances: Floats, characters: tuple[str, ...], stretch: float) -> Reading:
    """The reading of what the recogniser says column by column: repetitions are one character, the blank parts them.

    `stretch` is the width of all columns in widths of the crop.
    """
    new = np.concatenate([[True], classes[1:] != classes[:-1]]) & (classes != 0)
    columns = np.flatnonzero(new)
    text = "".join(characters[int(classes[column])] for column in columns)
    if not text.strip():
        return Reading("", 0.0)
    places = (columns + 0.5) / len(classes) * stretch
    chosen = chances[columns]
    reach = float(np.median(np.diff(places))) / 2 if len(places) > 1 else 0.5
    words = []
    for match in re.finditer(r"\S+", text):
        first, last = match.start(), match.end() - 1
        start = max(places[first] - reach, places[first - 1] if first else 0.0)
        end = min(places[last] + reach, places[last + 1] if last + 1 < len(places) else 1.0)
        words.append(Word(match.group(), float(start), float(min(end, 1.0)), float(chosen[first : last + 1].mean())))
    return Reading(text.strip(), float(chosen.mean()), tuple(words))


def placed(reading: Reading, left: float, share: float) -> Reading:
    """The reading of a part, its words where they are in the whole."""
    words = (Word(w.text, left + w.start * share, left + w.end * share, w.confidence) for w in reading.words)
    return Reading(reading.text, reading.confidence, tuple(words))


def join(readings: list[Reading]) -> Reading:
    """Readings side by side as one, a space between them; the confidence is weighted by length."""
    kept = [reading for reading in readings if reading.text]
    text = kept[0].text if kept else ""
    for reading in kept[1:]:
        unspaced = UNSPACED.match(text[-1]) and UNSPACED.match(reading.text[0])
        text += reading.text if unspaced else f" {reading.text}"
    length = sum(len(reading.text) for reading in kept)
    confidence = sum(reading.confidence * len(reading.text) for reading in kept) / max(length, 1)
    return Reading(text, confidence, tuple(word for reading in kept for word in reading.words))


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
