"""What a job of setting words is: set them, have OCR read them back, set them in another way where it could not.

Of ways that all fail the one that was read best is kept, and the result says what was read.
"""

import hashlib
import io
import time
from collections.abc import Generator
from dataclasses import dataclass
from difflib import SequenceMatcher

from PIL import Image
from pydantic import ValidationError

from services.ocr.reader import Reader
from services.typesetting.alike import plain, same
from services.typesetting.attempts import WAYS, attempts
from services.typesetting.typesetter import ENGINE, Composed
from shared.artifacts import ArtifactStore
from shared.errors import NotFound
from shared.events import JobProgress
from shared.imaging import open_own
from shared.jobs import Box, Job
from shared.provenance import LetteringRecord, png_with_lettering
from shared.text_jobs import ComposeText, Lettering, TextComposed, TextLine, TextRead
from workers.job_run import Happening, Perform

MOST_PIXELS = 1_000_000
"""Of a picture that is read whole, too."""


@dataclass(frozen=True)
class Tried:
    """One way in which the words were set, and what was read there."""

    composed: Composed
    read_back: str | None
    exact: bool | None
    clear: bool
    """Whether nothing better can be wished for: also who looks at the whole picture reads them."""

    def closeness(self, wanted: str) -> float:
        """Of what was read to what was wanted, 0 to 1."""
        return SequenceMatcher(None, plain(wanted), plain(self.read_back or ""), autojunk=False).ratio()


def compose_text(reader: Reader, store: ArtifactStore) -> Perform:
    """What a job of this kind is."""

    def perform(job: Job) -> Generator[Happening, None, None]:
        work, started = job.input, time.perf_counter()
        assert isinstance(work, ComposeText)  # noqa: S101 - the queue's own kind
        if (known := kept(store, work, name_of(work, reader))) is not None:
            yield known.model_copy(update={"seconds": time.perf_counter() - started})
            return
        source = store.get(work.source)
        tried: list[Tried] = []
        for composed in attempts(work, open_own(source)):
            yield None
            tried.append(checked(reader, work.text, composed))
            yield JobProgress(job_id=job.id, attempt=job.attempt, step=len(tried), total=len(WAYS))
            if tried[-1].clear:
                break
        best = max(tried, key=lambda one: (one.exact is not False, one.clear, one.closeness(work.text)))
        lettering = best.composed.lettering
        png = png_with_lettering(best.composed.picture, source, record_of(work, best))
        made = TextComposed(
            artifact=store.put(png, "image/png"),
            source=work.source,
            width=best.composed.picture.width,
            height=best.composed.picture.height,
            lettering=lettering,
            read_back=best.read_back,
            exact=best.exact,
            attempts=len(tried),
            engine=ENGINE,
            seconds=time.perf_counter() - started,
        )
        store.derive(work.source, name_of(work, reader), made.model_dump_json().encode())
        yield made

    return perform


def name_of(work: ComposeText, reader: Reader) -> str:
    """Under which name a result is kept beside its source: other words, another look or reader make another."""
    made = f"{work.model_dump_json()} {reader.version} {ENGINE}"
    return f"words-{hashlib.sha256(made.encode()).hexdigest()[:32]}"


def kept(store: ArtifactStore, work: ComposeText, name: str) -> TextComposed | None:
    """What came of the same work before, where its picture is still there."""
    known = store.derived(work.source, name)
    if known is None:
        return None
    try:
        found = TextComposed.model_validate_json(known)
        store.get(found.artifact)
    except (ValidationError, NotFound):
        return None
    return found


def checked(reader: Reader, wanted: str, composed: Composed) -> Tried:
    """Read the words where they were set; not where the reader does not know all of their characters."""
    if not set("".join(plain(wanted).split())) <= reader.models.characters:
        return Tried(composed, None, None, clear=True)
    read = read_there(reader, composed.picture, composed.lettering)
    exact = same(wanted, read)
    return Tried(composed, read, exact, clear=exact and is_clear(reader, wanted, composed))


def is_clear(reader: Reader, wanted: str, composed: Composed) -> bool:
    """Whether the words are read in the whole picture too, where that is small enough to be read again and again."""
    picture, lettering = composed.picture, composed.lettering
    if picture.width * picture.height > MOST_PIXELS:
        return True
    return same(wanted, read_in(reader, picture, (0, 0, *picture.size), lettering.box))


def read_there(reader: Reader, picture: Image.Image, lettering: Lettering) -> str:
    """What OCR reads where the letters are. It sees them with what is around them, as somebody who looks at them would;
    what it takes for text beside them does not count."""
    left, top, right, bottom = lettering.box
    room = lettering.size
    seen = max(left - room, 0), max(top - room, 0), min(right + room, picture.width), min(bottom + room, picture.height)
    return read_in(reader, picture, seen, lettering.box)


def read_in(reader: Reader, picture: Image.Image, seen: Box, box: Box) -> str:
    """The lines that lie in a box, read in a larger one."""
    out = io.BytesIO()
    picture.crop(seen).save(out, "PNG", compress_level=1)
    *_, read = reader.read(out.getvalue())
    assert isinstance(read, TextRead)  # noqa: S101 - it comes last
    inner = box[0] - seen[0], box[1] - seen[1], box[2] - seen[0], box[3] - seen[1]
    return "\n".join(line.text for line in read.lines if lies_in(line, inner))


def lies_in(line: TextLine, box: Box) -> bool:
    """Whether the middle of a line does."""
    across, down = (line.box[0] + line.box[2]) / 2, (line.box[1] + line.box[3]) / 2
    return box[0] <= across <= box[2] and box[1] <= down <= box[3]


def record_of(work: ComposeText, tried: Tried) -> LetteringRecord:
    """What the picture itself says of its words."""
    lettering = tried.composed.lettering
    return LetteringRecord(
        source=work.source,
        text=lettering.text,
        box=lettering.box,
        font=lettering.font,
        size=lettering.size,
        read_back=tried.read_back,
        exact=tried.exact,
    )
