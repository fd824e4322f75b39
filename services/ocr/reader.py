"""Reads all text of a picture: find boxes, see how the page lies, put them in reading order, recognise line by line.

A generator: it yields each line as soon as it and those before it are read, and closing it stops the reading. Knows no
queue and no artifact store.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.ocr.detection import Quads, find_boxes
from services.ocr.layout import Box, reading_order
from services.ocr.loading import OcrModels, Pixels, load
from services.ocr.pose import Pose, crop, find_pose, part, straightened
from services.ocr.recognition import Reading, join, recognise
from services.ocr.settings import OcrSettings
from shared.imaging import open_own
from shared.jobs import Box as Region
from shared.jobs import check_box
from shared.text_jobs import UNSURE, TextLine, TextRead, TextWord

AHEAD = 2
"""Lines per thread that are begun before those ahead of them are done."""
DOUBTFUL = 0.8
"""Confidence below which a box that is not wide is read in other directions too: a digit stands taller than wide."""
NARROW = 2.0
"""Width in heights of such a box."""


@dataclass(frozen=True)
class ReadingProgress:
    """Step `step` of `total` is done: the search for text is the first, then each line is one."""

    step: int
    total: int
    line: TextLine | None = None
    """What was read in it; None where it was no text after all."""


@dataclass(frozen=True)
class Piece:
    """A box that was read: its corners in pixels of the picture, beginning where the text begins."""

    quad: Quads
    reading: Reading


class Reader:
    """The reader of one process; may be used from several threads at once."""

    def __init__(self, models: OcrModels, settings: OcrSettings) -> None:
        self.models = models
        self.settings = settings
        self._pool = ThreadPoolExecutor(settings.ocr_threads, thread_name_prefix="recognise")

    @classmethod
    def from_settings(cls, settings: OcrSettings) -> "Reader":
        return cls(load(settings), settings)

    @property
    def version(self) -> str:
        """What decides its results, besides the picture."""
        settings = self.settings
        return f"{self.models.name}, {settings.ocr_min_confidence:g}, {settings.ocr_detect_pixels}"

    def read(self, png: bytes, region: Region | None = None) -> Iterator[ReadingProgress | TextRead]:
        """Read a picture of our own making (a PNG from the artifact store), or what lies in a region of it.

        Yields a ReadingProgress after the search and after each line, at last the TextRead; boxes are in pixels of
        the whole picture. Where something is left out or nothing is found, its note says why. Raises InvalidRequest
        where the region does not lie within the picture.
        """
        started = time.perf_counter()
        opened = open_own(png)
        if region is not None:
            check_box(region, opened.size)
        image: Pixels = np.asarray(opened.crop(region) if region else opened)[:, :, ::-1].copy()
        corner = np.array(region[:2] if region else (0, 0), np.float32)
        quads = find_boxes(self.models.detector, image, self.settings.ocr_detect_pixels)
        pose = find_pose(image, quads, self._confidences)
        order = lines_of(quads, pose, image)
        quads = pose.cornered(quads)
        yield ReadingProgress(1, len(order) + 1)
        found: list[TextLine] = []
        dropped = unread = 0
        for step, pieces in enumerate(self._read_ahead(image, quads, order, started), start=2):
            if pieces is None:
                unread += 1
                continue
            kept = [piece for piece in pieces if self._is_text(piece.reading)]
            dropped += len(pieces) - len(kept)
            line = text_line(kept, corner) if kept else None
            found += [line] if line else []
            yield ReadingProgress(step, len(order) + 1, line)
        width, height = opened.size
        yield TextRead(
            lines=tuple(found),
            width=width,
            height=height,
            engine=self.models.name,
            seconds=time.perf_counter() - started,
            turned=pose.turn,
            mirrored=pose.mirrored,
            complete=not unread,
            note=note_of(found, dropped, unread, self.settings),
        )

    def _confidences(self, samples: list[Pixels]) -> list[float]:
        return [reading.confidence for reading in self._pool.map(lambda crop: recognise(self.models, crop), samples)]

    def _is_text(self, reading: Reading) -> bool:
        return bool(reading.text) and reading.confidence >= self.settings.ocr_min_confidence

    def _read_ahead(
        self, image: Pixels, quads: Quads, order: list[list[Box]], started: float
    ) -> Iterator[list[Piece] | None]:
        """The pieces of each line, in order, while further lines are being read; None where time is up."""
        waiting: deque[Future[list[Piece]]] = deque()
        left = deque(order)
        try:
            while waiting or left:
                late = time.perf_counter() - started > self.settings.ocr_page_s
                while left and not late and len(waiting) < AHEAD * self.settings.ocr_threads:
                    boxes = left.popleft()
                    waiting.append(self._pool.submit(self._read_line, image, [quads[box.index] for box in boxes]))
                if waiting:
                    yield waiting.popleft().result()
                else:
                    left.popleft()
                    yield None
        finally:
            for future in waiting:
                future.cancel()

    def _read_line(self, image: Pixels, quads: list[Quads]) -> list[Piece]:
        return [self._read_piece(image, quad) for quad in quads]

    def _read_piece(self, image: Pixels, quad: Quads) -> Piece:
        """One box; where it is about as tall as wide, or taller, in the direction that is read best."""
        cut = crop(image, quad)
        height, width = cut.shape[:2]
        best = Piece(quad, recognise(self.models, cut))
        if width >= NARROW * height or best.reading.confidence >= DOUBTFUL or height <= width:
            return best
        for turn in (90, 270):
            (turned,) = Pose(turn).cornered(quad[None])
            other = Piece(turned, recognise(self.models, crop(image, turned)))
            best = max(best, other, key=lambda piece: piece.reading.confidence)
        return best


def lines_of(quads: Quads, pose: Pose, image: Pixels) -> list[list[Box]]:
    """The boxes in reading order, as they would lie if the page lay straight."""
    height, width = image.shape[:2]
    level = straightened(pose.placed(pose.cornered(quads), width, height))
    return reading_order([bounds(quad, index) for index, quad in enumerate(level)])


def bounds(quad: Quads, index: int = 0) -> Box:
    """The upright rectangle around a four-cornered box."""
    left, top = quad.min(axis=0).tolist()
    right, bottom = quad.max(axis=0).tolist()
    return Box(left, top, right, bottom, index)


def text_line(pieces: list[Piece], corner: Quads) -> TextLine:
    """A line as it is told; `corner` is where the region that was read begins."""
    reading = join([piece.reading for piece in pieces])
    words = tuple(
        TextWord(
            text=word.text,
            box=box_around([part(piece.quad, word.start, word.end) + corner]),
            confidence=round(word.confidence, 3),
        )
        for piece in pieces
        for word in piece.reading.words
    )
    box = box_around([piece.quad + corner for piece in pieces])
    return TextLine(text=reading.text, box=box, confidence=round(reading.confidence, 4), words=words)


def box_around(quads: list[Quads]) -> tuple[float, float, float, float]:
    box = bounds(np.concatenate(quads))
    return round(box.left, 1), round(box.top, 1), round(box.right, 1), round(box.bottom, 1)


def note_of(found: list[TextLine], dropped: int, unread: int, settings: OcrSettings) -> str:
    """Why there may be text in the picture that is not in the result; empty where there is nothing to say."""
    said = [] if found or dropped or unread else ["No text was found in the picture."]
    if dropped:
        said.append(
            f"{dropped} {'place looks' if dropped == 1 else 'places look'} like text, but could not be read with a "
            f"confidence of {settings.ocr_min_confidence:g}: too small, too blurred, or of a script that is not known."
        )
    unsure = sum(line.unsure for line in found)
    if unsure:
        said.append(f"{unsure} of {len(found)} lines are read with a confidence below {UNSURE:g} and may be wrong.")
    if unread:
        said.append(f"Reading stopped after {settings.ocr_page_s:g} s; {unread} lines were not read.")
    return " ".join(said)
