"""Reads all text of a picture: find boxes, see how the page lies, put them in reading order, recognise line by line.

A generator: it yields each line as soon as it and those before it are read, and closing it stops the reading. Knows no
queue and no artifact store.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from services.ocr.contrast import plainer
from services.ocr.detection import Quads, bounds, find_boxes, first_scale, look
from services.ocr.layer import Given, Layer, believed, parsed
from services.ocr.layout import Box, reading_order
from services.ocr.line_reading import Line, LineReader
from services.ocr.loading import OcrModels, Pixels, load
from services.ocr.opening import Opening, find_opening, top_of
from services.ocr.pose import UPRIGHT, Pose, crop, find_pose, lies_on_its_side, straightened
from services.ocr.recognition import Reading
from services.ocr.scripts import scripts_in
from services.ocr.settings import OcrSettings
from services.ocr.telling import LeftOut, Piece, engine_of, is_read, note_of, text_line
from shared.imaging import layer_of, open_own
from shared.jobs import Box as Region
from shared.jobs import check_box
from shared.text_jobs import TextLine, TextRead

METHOD = 3
"""Goes up whenever a picture may be read otherwise than before: what was kept of earlier readings is no longer used."""


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


@dataclass
class Page:
    """A picture, or a region of one, and what is known of it by and by."""

    image: Pixels
    layer: Layer | None
    """The text that it brings along."""
    opening: Opening | None = None
    pose: Pose = UPRIGHT
    lines: list[Line] = field(default_factory=list)
    """Those after the opening, in reading order."""
    left_out: LeftOut = field(default_factory=LeftOut)


class Reader:
    """The reader of one process; may be used from several threads at once."""

    def __init__(self, models: OcrModels, settings: OcrSettings) -> None:
        self.models = models
        self.settings = settings
        self.line_reader = LineReader(models, settings.ocr_threads)
        self.scripts = scripts_in(models.characters)

    @classmethod
    def from_settings(cls, settings: OcrSettings) -> "Reader":
        return cls(load(settings), settings)

    @property
    def version(self) -> str:
        """What decides its results, besides the picture."""
        settings = self.settings
        return f"{METHOD}, {self.models.name}, {settings.ocr_min_confidence:g}, {settings.ocr_detect_pixels}"

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
        box = region or (0, 0, *opened.size)
        corner = np.array(box[:2], np.float32)
        image = plainer(np.asarray(opened.crop(box))[:, :, ::-1].copy())
        page = Page(image, parsed(layer_of(png), box))
        seen = None if page.layer else self._look_at_top(page)
        found = [text_line(page.opening.pieces, corner)] if page.opening else []
        yield from (LineRead(1, line) for line in found)
        self._lay_out(page, seen)
        total = 1 + len(found) + len(page.lines)
        yield ReadingProgress(1 + len(found), total)
        until = started + self.settings.ocr_page_s
        for number, pieces in enumerate(self._read_lines(page, until), start=1 + len(found)):
            if line := self._told(page, pieces, corner):
                found.append(line)
                yield LineRead(number, line)
            yield ReadingProgress(1 + number, total)
        yield TextRead(
            lines=tuple(found),
            width=opened.width,
            height=opened.height,
            engine=engine_of(found, self.models.name),
            seconds=time.perf_counter() - started,
            turned=page.pose.turn,
            mirrored=page.pose.mirrored,
            complete=not page.left_out.late,
            note=note_of(found, page.left_out, self.settings, self.scripts),
        )

    def _look_at_top(self, page: Page) -> Quads | None:
        """See whether the first line is certain; gives the boxes of the first look where that took in all of it."""
        scale = first_scale(page.image, self.settings.ocr_detect_pixels)
        top = top_of(page.image, scale)
        quads = look(self.models.detector, top, scale)
        whole = top is page.image
        end = len(top) if whole else len(top) - 2
        page.opening = find_opening(quads, end, lambda line: self.line_reader.at_once(page.image, line))
        return quads if whole else None

    def _lay_out(self, page: Page, seen: Quads | None) -> None:
        """Find how the page lies, and its lines in reading order."""
        quads = find_boxes(self.models.detector, page.image, self.settings.ocr_detect_pixels, seen)
        given = self._given(page, quads)
        if given:
            quads = np.concatenate([given.rest, *(piece.quad[None] for piece in given.pieces)])
        elif page.opening:
            quads = page.opening.apart_from(quads)
        certain = given or (page.opening and not lies_on_its_side(quads))
        page.pose = UPRIGHT if certain else find_pose(page.image, quads, self._confidences)
        order = lines_of(quads, page.pose, page.image)
        spots = [*page.pose.cornered(quads)]
        if given:
            spots[len(given.rest) :] = given.pieces
        page.lines = [[spots[box.index] for box in line] for line in order]

    def _given(self, page: Page, quads: Quads) -> Given | None:
        """What the page's own text says, where it can be believed."""
        if page.layer is None:
            return None

        def read(samples: list[Quads]) -> list[Reading]:
            return self.line_reader.crops([crop(page.image, quad) for quad in samples])

        given = believed(page.layer, quads, self.models.characters, read)
        page.left_out.disbelieved = given is None
        page.left_out.hidden = given.hidden if given else 0
        return given

    def _confidences(self, samples: list[Pixels]) -> list[float]:
        return [reading.confidence for reading in self.line_reader.crops(samples)]

    def _read_lines(self, page: Page, until: float) -> Iterator[list[Piece] | None]:
        """The pieces of each further line, in order; None where time is up. All threads read the page's first line."""
        lines = page.lines
        if lines and page.opening is None and time.perf_counter() < until:
            yield self.line_reader.at_once(page.image, lines[0])
            lines = lines[1:]
        yield from self.line_reader.in_order(page.image, lines, until)

    def _told(self, page: Page, pieces: list[Piece] | None, corner: Quads) -> TextLine | None:
        """The line as it is told, where it is text after all and was read in time."""
        if pieces is None:
            page.left_out.late += 1
            return None
        kept = [piece for piece in pieces if is_read(piece, self.settings.ocr_min_confidence)]
        page.left_out.unclear += len(pieces) - len(kept)
        return text_line(kept, corner) if kept else None


def lines_of(quads: Quads, pose: Pose, image: Pixels) -> list[list[Box]]:
    """The boxes in reading order, as they would lie if the page lay straight."""
    height, width = image.shape[:2]
    level = straightened(pose.placed(pose.cornered(quads), width, height))
    return reading_order([bounds(quad, index) for index, quad in enumerate(level)])
