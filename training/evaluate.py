"""Measures the exported models: a table for every section, then all figures as one JSON object on the last line.

Usage: python -m training.evaluate [SECTION ...] [--quick] [--sheet FILE]
A section is a function of the models' folder and of `quick`, which takes fewer samples; the intervals say how many.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from bench.report import machine
from training.evaluate_circle import evaluate_circle
from training.evaluate_clip import evaluate_clip
from training.evaluate_detector import evaluate_autoencoder, evaluate_detector
from training.evaluate_novelty import evaluate_novelty
from training.evaluate_painter import evaluate_painter
from training.evaluate_sheet import write_contact_sheet
from training.evaluate_table import print_table
from training.reading_curve import reading_section
from training.vlm.evaluate import evaluate_vlm

Section = Callable[[Path, bool], dict[str, Any]]


def _painter(models: Path, quick: bool) -> dict[str, Any]:
    scores = evaluate_painter(models / "painter", models / "detector", quick=quick)
    return scores | {"novelty": evaluate_novelty(models / "painter", quick=quick)}


SECTIONS: dict[str, Section] = {
    "clip": lambda models, quick: evaluate_clip(models / "clip", quick=quick),
    "detector": lambda models, quick: evaluate_detector(models / "detector", quick=quick),
    "autoencoder": lambda models, quick: evaluate_autoencoder(models / "painter", models / "detector", quick=quick),
    "painter": _painter,
    "circle": lambda models, quick: evaluate_circle(models / "painter", models / "vlm", quick=quick),
    "vlm": lambda models, quick: evaluate_vlm(models / "vlm", quick=quick),
    "reading": lambda models, quick: reading_section(quick, models / "vlm"),
}


def _keep_quiet() -> None:
    """No progress bars, and no word on SanaPipeline's other text encoder, between the tables."""
    for library in (diffusers_logging, transformers_logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


def main() -> None:
    """Runs the named sections, or all."""
    parser = argparse.ArgumentParser(description="Measure the exported models.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer samples: all sections in under 15 minutes")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--sheet", type=Path, help="also write the painter's first 64 pictures here, as JPEG")
    args = parser.parse_args()
    if unknown := set(args.sections) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    _keep_quiet()
    figures: dict[str, Any] = {}
    for name in args.sections or SECTIONS:
        begun = time.monotonic()
        figures[name] = SECTIONS[name](args.models, args.quick)
        print_table(f"{name} ({time.monotonic() - begun:.0f} s)", figures[name])
    if args.sheet:
        write_contact_sheet(args.models / "painter", args.models / "detector", args.sheet)
    machine_now = machine() | {"torch_threads": torch.get_num_threads()}
    print(json.dumps({"quick": args.quick, "machine": machine_now, "figures": figures}, ensure_ascii=False))


if __name__ == "__main__":
    main()
