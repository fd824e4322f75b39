"""Reads all text of a picture: find boxes, see how the page lies, put them in reading order, recognise line by line.

A generator: it yields each line as soon as it and those before it are read, and closing it stops the reading. Knows no
queue and no artifact store.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from services.ocr.detection import Quads, bounds, find_boxes, first_scale, look
from services.ocr.layout import Box, reading_order
from services.ocr.loading import OcrModels, Pixels, Recogniser, load
from services.ocr.opening import Opening, find_opening, top_of
from services.ocr.pose import UPRIGHT, Pose, crop, find_pose, lies_on_its_side, straightened
from services.ocr.recognition import Reading, recognise
from services.ocr.settings import OcrSettings
from services.ocr.telling import Piece, note_of, text_line
from shared.imaging import open_own
from shared.jobs import Box as Region
from shared.jobs import check_box
from shared.text_jobs import TextLine, TextRead

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


@dataclass(frozen=True)
class LineRead:
    """A line was read; `number` is its place among those that were found, from 1."""

    number: int
    line: TextLine


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

    def read(self, png: bytes, region: Region | None = None) -> Iterator[ReadingProgress | LineRead | TextRead]:
        """Read a picture of our own making (a PNG from the artifact store), or what lies in a region of it.

        Yields each LineRead, the first often before the rest has been searched; a ReadingProgress after the search and
        after each line; at last the TextRead. Boxes are in pixels of the whole picture. Where something is left out or
        nothing is found, its note says why. Raises InvalidRequest where the region does not lie within the picture.
        """
        started = time.perf_counter()
        opened = open_own(png)
        if region is not None:
            check_box(region, opened.size)
        image: Pixels = np.asarray(opened.crop(region) if region else opened)[:, :, ::-1].copy()
        corner = np.array(region[:2] if region else (0, 0), np.float32)
        opening, seen = self._look_at_top(image)
        found = [text_line(opening.pieces, corner)] if opening else []
        yield from (LineRead(1, line) for line in found)
        pose, order = self._lay_out(image, opening, seen)
        total = 1 + len(found) + len(order)
        yield ReadingProgress(1 + len(found), total)
        dropped = unread = 0
        for number, pieces in enumerate(self._read_lines(image, order, started, opening), start=1 + len(found)):
            if pieces is None:
                unread += 1
                continue
            kept = [piece for piece in pieces if self._is_text(piece.reading)]
            dropped += len(pieces) - len(kept)
            if kept:
                found.append(text_line(kept, corner))
                yield LineRead(number, found[-1])
            yield ReadingProgress(1 + number, total)
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

    def _look_at_top(self, image: Pixels) -> tuple[Opening | None, Quads | None]:
        """The page's first line where it is certain, and the boxes of the first look where that was at all of it."""
        scale = first_scale(image, self.settings.ocr_detect_pixels)
        top = top_of(image, scale)
        quads = look(self.models.detector, top, scale)
        whole = top is image
        end = len(image) if whole else len(top) - 2
        opening = find_opening(quads, end, lambda line: self._read_at_once(image, line))
        return opening, quads if whole else None

    def _lay_out(self, image: Pixels, opening: Opening | None, seen: Quads | None) -> tuple[Pose, list[list[Quads]]]:
        """How the page lies, and the boxes of each further line in order, each beginning where its text does."""
        quads = find_boxes(self.models.detector, image, self.settings.ocr_detect_pixels, seen)
        if opening:
            quads = opening.apart_from(quads)
        upright = opening is not None and not lies_on_its_side(quads)
        pose = UPRIGHT if upright else find_pose(image, quads, self._confidences)
        order = lines_of(quads, pose, image)
        quads = pose.cornered(quads)
        return pose, [[quads[box.index] for box in line] for line in order]

    def _confidences(self, samples: list[Pixels]) -> list[float]:
        readings = self._pool.map(lambda cut: recognise(self.models.recogniser, cut), samples)
        return [reading.confidence for reading in readings]

    def _is_text(self, reading: Reading) -> bool:
        return bool(reading.text) and reading.confidence >= self.settings.ocr_min_confidence

    def _read_lines(
        self, image: Pixels, order: list[list[Quads]], started: float, opening: Opening | None
    ) -> Iterator[list[Piece] | None]:
        """The pieces of each line, in order; None where time is up. The page's first line has all threads for it."""
        left = deque(order)
        if left and opening is None and not self._is_late(started):
            yield self._read_at_once(image, left.popleft())
        yield from self._read_ahead(image, left, started)

    def _read_at_once(self, image: Pixels, quads: Sequence[Quads]) -> list[Piece]:
        """A line that somebody waits for, by all threads."""
        if len(quads) == 1:
            return read_line(self.models.first_recogniser, image, quads)
        return list(self._pool.map(lambda quad: read_piece(self.models.recogniser, image, quad), quads))

    def _read_ahead(self, image: Pixels, left: deque[list[Quads]], started: float) -> Iterator[list[Piece] | None]:
        """The same while further lines are being read, a thread each."""
        waiting: deque[Future[list[Piece]]] = deque()
        try:
            while waiting or left:
                while left and not self._is_late(started) and len(waiting) < AHEAD * self.settings.ocr_threads:
                    waiting.append(self._pool.submit(read_line, self.models.recogniser, image, left.popleft()))
                if waiting:
                    yield waiting.popleft().result()
                else:
                    left.popleft()
                    yield None
        finally:
            for future in waiting:
                future.cancel()

    def _is_late(self, started: float) -> bool:
        return time.perf_counter() - started > self.settings.ocr_page_s


def read_line(recogniser: Recogniser, image: Pixels, quads: Sequence[Quads]) -> list[Piece]:
    return [read_piece(recogniser, image, quad) for quad in quads]


def read_piece(recogniser: Recogniser, image: Pixels, quad: Quads) -> Piece:
    """One box; where it is about as tall as wide, or taller, in the direction that is read best."""
    cut = crop(image, quad)
    height, width = cut.shape[:2]
    best = Piece(quad, recognise(recogniser, cut))
    if width >= NARROW * height or best.reading.confidence >= DOUBTFUL or height <= width:
        return best
    for turn in (90, 270):
        (turned,) = Pose(turn).cornered(quad[None])
        other = Piece(turned, recognise(recogniser, crop(image, turned)))
        best = max(best, other, key=lambda piece: piece.reading.confidence)
    return best


def lines_of(quads: Quads, pose: Pose, image: Pixels) -> list[list[Box]]:
    """The boxes in reading order, as they would lie if the page lay straight."""
    height, width = image.shape[:2]
    level = straightened(pose.placed(pose.cornered(quads), width, height))
    return reading_order([bounds(quad, index) for index, quad in enumerate(level)])
