"""`python -m bench.reading`: how well and how fast pages are read: ours, RapidOCR as it comes, tesseract.

The same pages for all, one page after the other in turn, on as many threads each, in one run. An error is an edit
distance per character, blanks made single; reading order counts. tesseract takes part where it is installed. Each
class is kept when it is done: a run of the same commit that was cut off goes on with the next one.
"""

import argparse
import io
import json
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from bench.reading_pages import KINDS, Page, fonts, pages
from bench.report import commit, publish
from orchestrator.alignment import distance
from services.ocr.reader import LineRead, Reader
from services.ocr.settings import OcrSettings
from shared.text_jobs import TextRead

THREADS = 2
OURS, RAPID, TESSERACT = "ours", "RapidOCR", "tesseract"
QUICK = 2
UNFINISHED = Path("runs/reading-unfinished.json")


@dataclass(frozen=True)
class Read:
    text: str
    seconds: float
    first_s: float | None = None
    """When the first line was there, where lines come one by one."""


@dataclass
class Tally:
    """What one engine made of the pages of one class."""

    errors: int = 0
    characters: int = 0
    seconds: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Shares of the page's time."""

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / max(self.characters, 1)

    @property
    def pages_per_s(self) -> float:
        return len(self.seconds) / sum(self.seconds)


def ours() -> Callable[[bytes], Read]:
    reader = Reader.from_settings(OcrSettings(ocr_threads=THREADS))

    def read(png: bytes) -> Read:
        started, first, text = time.perf_counter(), None, ""
        for happening in reader.read(png):
            if isinstance(happening, TextRead):
                text = happening.text
            elif isinstance(happening, LineRead) and first is None:
                first = time.perf_counter() - started
        return Read(text, time.perf_counter() - started, first)

    return read


def rapidocr() -> Callable[[bytes], Read]:
    """Its own settings; only the threads are set."""
    from rapidocr import RapidOCR  # noqa: PLC0415 - it sets logging up when it is imported

    threads = {"intra_op_num_threads": THREADS, "inter_op_num_threads": 1}
    engine = RapidOCR(params={f"EngineConfig.onnxruntime.{name}": value for name, value in threads.items()})
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)

    def read(png: bytes) -> Read:
        started = time.perf_counter()
        image = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))[:, :, ::-1].copy()
        found = engine(image)
        return Read("\n".join(found.txts or ()), time.perf_counter() - started)

    return read


def tesseract() -> Callable[[bytes], Read]:
    def read(png: bytes) -> Read:
        started = time.perf_counter()
        environment = os.environ | {"OMP_THREAD_LIMIT": str(THREADS)}
        command = ["tesseract", "-", "-", "-l", "eng"]
        done = subprocess.run(command, input=png, capture_output=True, check=False, env=environment)
        return Read(done.stdout.decode(), time.perf_counter() - started)

    return read


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def measure(engines: dict[str, Callable[[bytes], Read]], sheets: list[Page]) -> dict[str, Tally]:
    """All engines on the pages of one class, each beginning in its turn."""
    tallies = {name: Tally() for name in engines}
    names = list(engines)
    for number, page in enumerate(sheets):
        out = io.BytesIO()
        page.picture.save(out, "PNG", compress_level=1)
        wanted = plain(page.text)
        for place in range(len(names)):
            name = names[(number + place) % len(names)]
            read = engines[name](out.getvalue())
            tally = tallies[name]
            tally.errors += distance(wanted, plain(read.text))
            tally.characters += len(wanted)
            tally.seconds.append(read.seconds)
            if read.first_s is not None:
                tally.first.append(read.first_s / read.seconds)
    return tallies


class Kept:
    """The classes that are done, in a file, so that a run that was cut off goes on where it was."""

    def __init__(self, conditions: dict[str, Any]) -> None:
        self._conditions = conditions
        self.classes: dict[str, dict[str, Tally]] = {}
        if UNFINISHED.exists():
            kept = json.loads(UNFINISHED.read_text())
            if kept["conditions"] == conditions:
                self.classes = {k: {n: Tally(**t) for n, t in by.items()} for k, by in kept["classes"].items()}

    def add(self, kind: str, tallies: dict[str, Tally]) -> None:
        self.classes[kind] = tallies
        kept = {k: {n: asdict(t) for n, t in by.items()} for k, by in self.classes.items()}
        UNFINISHED.parent.mkdir(exist_ok=True)
        UNFINISHED.write_text(json.dumps({"conditions": self._conditions, "classes": kept}))

    @staticmethod
    def forget() -> None:
        UNFINISHED.unlink(missing_ok=True)


def row_of(kind: str, by: dict[str, Tally]) -> dict[str, Any]:
    row: dict[str, Any] = {"class": kind, "pages": len(by[OURS].seconds)}
    row |= {f"{name}: errors %": round(by[name].error_percent, 2) for name in sorted(by)}
    row |= {f"{name}: pages/s": round(by[name].pages_per_s, 2) for name in sorted(by)}
    row["times RapidOCR"] = round(by[OURS].pages_per_s / by[RAPID].pages_per_s, 2)
    row["first line, % of a page"] = round(100 * median(by[OURS].first), 1) if by[OURS].first else None
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=32, help="of each class")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} pages of each class: whether it runs")
    given = parser.parse_args()
    engines = {OURS: ours(), RAPID: rapidocr()}
    if shutil.which("tesseract"):
        engines[TESSERACT] = tesseract()
    count = QUICK if given.quick else given.pages
    sheets = pages(count)
    measure(engines, sheets[:1])  # each once before time is taken
    kept = Kept({"pages": count, "engines": sorted(engines), "fonts": sorted(fonts()), "commit": commit()})
    for kind in KINDS:
        if kind not in kept.classes:
            kept.add(kind, measure(engines, [page for page in sheets if page.kind == kind]))
            print(row_of(kind, kept.classes[kind]), flush=True)
    tallies = {kind: kept.classes[kind] for kind in KINDS}
    rows = [row_of(kind, by) for kind, by in tallies.items()]
    seconds = {name: sum(sum(by[name].seconds) for by in tallies.values()) for name in engines}
    figures = {
        "threads": THREADS,
        "fonts": len(fonts()),
        "pages_each": count,
        "times_rapidocr": round(seconds[RAPID] / seconds[OURS], 2),
        "times_rapidocr_least": min(row["times RapidOCR"] for row in rows),
        "first_line_percent": round(100 * median(f for by in tallies.values() for f in by[OURS].first), 1),
        "pages_per_s": {name: round(len(sheets) / spent, 2) for name, spent in seconds.items()},
        "error_percent": {kind: {n: round(t.error_percent, 2) for n, t in by.items()} for kind, by in tallies.items()},
    }
    publish("reading-quick" if given.quick else "reading", figures, rows)
    kept.forget()


if __name__ == "__main__":
    main()
