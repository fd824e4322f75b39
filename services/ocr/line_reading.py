"""Reads lines whose places are known: one by all threads, or many side by side, a thread each, in their order.

Knows no pages.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from services.ocr.detection import Quads
from services.ocr.loading import OcrModels, Pixels, Recogniser
from services.ocr.pose import Pose, crop
from services.ocr.recognition import Reading, recognise
from services.ocr.telling import Piece

AHEAD = 2
"""Lines per thread that are begun before those ahead of them are done."""
DOUBTFUL = 0.8
"""Confidence below which a box that is not wide is read in other directions too: a digit stands taller than wide."""
NARROW = 2.0
"""Width in heights of such a box."""
Line = Sequence[Piece | Quads]
"""From left to right: what is read already, or a box."""


class LineReader:
    """The threads of one process that read lines; for several pictures at once."""

    def __init__(self, models: OcrModels, threads: int) -> None:
        self._models = models
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="recognise")

    def crops(self, cuts: Sequence[Pixels]) -> list[Reading]:
        """What each crop says."""
        return list(self._pool.map(lambda cut: recognise(self._models.recogniser, cut), cuts))

    def at_once(self, image: Pixels, line: Line) -> list[Piece]:
        """The pieces of a line that somebody waits for, read by all threads."""
        if len(line) == 1:
            return read_line(self._models.first_recogniser, image, line)
        return list(self._pool.map(lambda piece: read_piece(self._models.recogniser, image, piece), line))

    def in_order(self, image: Pixels, lines: Sequence[Line], until: float) -> Iterator[list[Piece] | None]:
        """The pieces of each line while further lines are being read; None where `until` has passed before its turn."""
        waiting: deque[Future[list[Piece]]] = deque()
        left = deque(lines)
        try:
            while waiting or left:
                while left and time.perf_counter() < until and len(waiting) < AHEAD * self._threads:
                    waiting.append(self._pool.submit(read_line, self._models.recogniser, image, left.popleft()))
                if waiting:
                    yield waiting.popleft().result()
                else:
                    left.popleft()
                    yield None
        finally:
            for future in waiting:
                future.cancel()


def read_line(recogniser: Recogniser, image: Pixels, line: Line) -> list[Piece]:
    return [read_piece(recogniser, image, piece) for piece in line]


def read_piece(recogniser: Recogniser, image: Pixels, piece: Piece | Quads) -> Piece:
    """One box; where it is about as tall as wide, or taller, in the direction that is read best."""
    if isinstance(piece, Piece):
        return piece
    cut = crop(image, piece)
    height, width = cut.shape[:2]
    best = Piece(piece, recognise(recogniser, cut))
    if width >= NARROW * height or best.reading.confidence >= DOUBTFUL or height <= width:
        return best
    for turn in (90, 270):
        (turned,) = Pose(turn).cornered(piece[None])
        other = Piece(turned, recognise(recogniser, crop(image, turned)))
        best = max(best, other, key=lambda piece: piece.reading.confidence)
    return best
