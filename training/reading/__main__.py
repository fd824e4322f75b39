"""Measures the reading curve of the VLM that the orchestrator is configured to ask, and writes its profile.

Usage: python -m training.reading [--pages N] [--out FILE]; `./diptych profile-vlm` starts it with the running VLM.
"""

import argparse
import datetime
import sys
from pathlib import Path

from orchestrator.settings import OrchestratorSettings
from shared.errors import DiptychError
from shared.reading_profile import ReadingPoint, ReadingProfile, SeenPicture, profile_path
from training.reading.curve import PAGES, WANTED_SHARE, ocr_below, reading_curve
from training.reading.pages import FONTS, SIDE, SIDES, empty_page
from training.reading.transcribers import HttpVlm, Ocr


def measure(settings: OrchestratorSettings, pages: int) -> ReadingProfile:
    """The profile; tells each height as it is done. Raises DiptychError when the VLM does not answer."""
    vlm, ocr = HttpVlm(settings), Ocr()
    name = vlm.name()
    print(f"{name} and {ocr.name}, {pages} pages at each height of a capital letter:", flush=True)
    curve: list[ReadingPoint] = []
    for point in reading_curve(vlm.transcribe, ocr.transcribe, pages):
        curve.append(point)
        print(row(point), flush=True)
    return ReadingProfile(
        model=name,
        measured_on=datetime.datetime.now(tz=datetime.UTC).date(),
        page_px=SIDE,
        seen=seen_pictures(vlm),
        fonts=FONTS,
        ocr=ocr.name,
        wanted_share=WANTED_SHARE,
        ocr_below_px=ocr_below(curve),
        curve=tuple(curve),
    )


def seen_pictures(vlm: HttpVlm) -> tuple[SeenPicture, ...]:
    """What pictures of rising size cost, as far as the VLM takes them."""
    tokens = vlm.tokens([empty_page(side) for side in SIDES])
    return tuple(SeenPicture(side_px=side, tokens=cost) for side, cost in zip(SIDES, tokens, strict=False))


def row(point: ReadingPoint) -> str:
    """One line of the table that people watch."""
    readers = (("VLM", point.vlm), ("OCR", point.ocr))
    cells = (f"{who} {s.characters.share:7.1%} ({s.exact_lines.share:4.0%} of lines)" for who, s in readers)
    return f"{point.height_px:3d} px   " + "   ".join(cells)


def verdict(profile: ReadingProfile) -> str:
    """What the profile means."""
    if profile.ocr_below_px is None:
        return f"{profile.model} reads less than {WANTED_SHARE:.0%} of characters even when they are large: OCR always."
    return f"{profile.model} reads {WANTED_SHARE:.0%} of characters from {profile.ocr_below_px} px on: OCR below that."


def main() -> None:
    """Exits with 1 and a sentence when the VLM does not answer."""
    parser = argparse.ArgumentParser(description="Measure how small a text the configured VLM reads.")
    parser.add_argument("--pages", type=int, default=PAGES, help="pages at each height")
    parser.add_argument("--out", type=Path, help="write the profile here instead of into the data folder")
    args = parser.parse_args()
    settings = OrchestratorSettings.from_environment()
    try:
        profile = measure(settings, args.pages)
    except DiptychError as error:
        sys.exit(f"Error: {error.message}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; no profile was written.")
    path = args.out or profile_path(settings.data, profile.model)
    profile.write(path)
    print(f"{verdict(profile)}\nProfile: {path}")


if __name__ == "__main__":
    main()
