"""`python -m bench.spelling`: words in pictures, as prompts ask for them, beside what the painter alone makes of them.

Each phrase goes through all of it: prompt, parser, painter, typesetter, OCR, as the two workers do it. The finished
picture is then read once more, where the words are, and whole. The painter alone gets the same prompt and seed with the
words in it, and its whole picture is read by the same OCR; both count as exact by the same comparison
(services/typesetting/alike.py).
"""

import argparse
import io
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from bench.report import publish
from bench.spelling_phrases import BEYOND, PAINTINGS, PHRASES
from orchestrator.lettering import setting
from orchestrator.wanted_words import wanted_words
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from services.typesetting.alike import same
from shared.artifacts import DirectoryArtifactStore
from shared.jobs import AnyJobOutput, GeneratedImage, GenerateImage, JobInput, new_job
from shared.text_jobs import TextComposed, TextRead
from workers import diffusion, ocr
from workers.lettering import read_there


@dataclass(frozen=True)
class Outcome:
    """What came of one phrase."""

    script: str
    phrase: str
    composed: TextComposed | None
    """None: the parser did not take the words out of the prompt as they are."""
    exact: bool
    """Read where the words are."""
    exact_whole: bool
    """Read in the whole picture, among whatever else OCR takes for text."""
    painter_alone: bool = False


class House:
    """Both workers' work, without a queue."""

    def __init__(self, folder: Path) -> None:
        self.store = DirectoryArtifactStore(folder)
        self.reader = Reader.from_settings(OcrSettings())
        painters = Painters(DiffusionSettings())
        self._kinds = diffusion.performs(painters, self.store) | ocr.performs(self.reader, self.store)

    def done(self, work: JobInput) -> AnyJobOutput:
        *_, output = self._kinds[work.kind](new_job(work, owner="bench", seconds=600))
        assert isinstance(output, AnyJobOutput)
        return output

    def painted(self, prompt: str, seed: int) -> str:
        output = self.done(GenerateImage(prompt=prompt, seed=seed))
        assert isinstance(output, GeneratedImage)
        return output.artifact

    def whole(self, artifact: str) -> list[str]:
        """The lines in a picture."""
        *_, read = self.reader.read(self.store.get(artifact))
        assert isinstance(read, TextRead)
        return [line.text for line in read.lines]


def prompt_of(painting: str, phrase: str) -> str:
    return f'{painting} with the words "{phrase}"' if '"' not in phrase else f"{painting} with the words “{phrase}”"


def holds(lines: Sequence[str], phrase: str) -> bool:
    """Whether some lines that follow each other are the phrase."""
    spans = ((first, last) for first in range(len(lines)) for last in range(first + 1, len(lines) + 1))
    return any(same(phrase, "\n".join(lines[first:last])) for first, last in spans)


def outcome(house: House, script: str, phrase: str, number: int, *, alone: bool = True) -> Outcome:
    prompt = prompt_of(PAINTINGS[number % len(PAINTINGS)], phrase)
    by_painter = alone and holds(house.whole(house.painted(prompt, number)), phrase)
    wanted = wanted_words(prompt)
    if wanted is None or wanted.text != phrase:
        return Outcome(script, phrase, None, False, False, by_painter)
    composed = house.done(setting(wanted, house.painted(wanted.rest, number)))
    assert isinstance(composed, TextComposed)
    picture = Image.open(io.BytesIO(house.store.get(composed.artifact))).convert("RGB")
    there = read_there(house.reader, picture, composed.lettering)
    return Outcome(
        script, phrase, composed, same(phrase, there), holds(house.whole(composed.artifact), phrase), by_painter
    )


def chosen(count: int) -> list[tuple[str, str]]:
    """So many phrases, of all scripts in turn."""
    listed = [(script, phrase) for script, phrases in PHRASES.items() for phrase in phrases]
    return listed if count >= len(listed) else [listed[len(listed) * number // count] for number in range(count)]


def row_of(script: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    composed = [one.composed for one in outcomes if one.composed]
    return {
        "script": script,
        "phrases": len(outcomes),
        "exact": sum(one.exact for one in outcomes),
        "exact, whole picture": sum(one.exact_whole for one in outcomes),
        "not checked": sum(one.exact is None for one in composed),
        "at first": sum(one.exact is True and one.attempts == 1 for one in composed),
        "on a plate": sum(one.lettering.plate is not None for one in composed),
        "painter alone": sum(one.painter_alone for one in outcomes),
    }


def rows_of(scripts: Iterable[str], outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Those of which there are phrases."""
    found = ([one for one in outcomes if one.script == script] for script in scripts)
    return [row_of(some[0].script, some) for some in found if some]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phrases", type=int, default=1000, help="at most so many of the 200")
    given = parser.parse_args()
    listed = chosen(given.phrases)
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        outcomes = [outcome(house, *phrase, number) for number, phrase in enumerate(listed)]
        further = [(script, phrase) for script, phrases in BEYOND.items() for phrase in phrases]
        further = further if len(listed) == len(chosen(1000)) else further[:2]
        beyond = [outcome(house, *phrase, number, alone=False) for number, phrase in enumerate(further)]
    rows = rows_of(PHRASES, outcomes)
    further_rows = rows_of(BEYOND, beyond)
    count = len(outcomes)
    figures = {
        "phrases": count,
        "exact": round(sum(one.exact for one in outcomes) / count, 4),
        "exact_whole_picture": round(sum(one.exact_whole for one in outcomes) / count, 4),
        "painter_alone": round(sum(one.painter_alone for one in outcomes) / count, 4),
        "by_script": {row["script"]: round(row["exact"] / row["phrases"], 4) for row in rows},
        "not_exact": {one.phrase: one.composed and one.composed.read_back for one in outcomes if not one.exact},
        "beyond": {row["script"]: [row["exact"], row["not checked"], row["phrases"]] for row in further_rows},
    }
    rows += further_rows
    publish("spelling" if count == len(chosen(1000)) else "spelling-quick", figures, rows)


if __name__ == "__main__":
    main()
