"""Measures the exported models on held-out scenes and prints one JSON object.

Usage: python -m training.evaluate [clip] [autoencoder] [painter] [--sheet FILE]
Each section is a function of the models' folder; a new model adds its own line to SECTIONS.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.evaluate_clip import ClipJudge, evaluate_clip
from training.evaluate_painter import evaluate_autoencoder, evaluate_painter


def _clip(models: Path, _: Path | None) -> dict[str, Any]:
    return evaluate_clip(models / "clip")


def _autoencoder(models: Path, _: Path | None) -> dict[str, Any]:
    return evaluate_autoencoder(models / "painter", ClipJudge(models / "clip"))


def _painter(models: Path, sheet: Path | None) -> dict[str, Any]:
    return evaluate_painter(models / "painter", ClipJudge(models / "clip"), sheet)


SECTIONS: dict[str, Callable[[Path, Path | None], dict[str, Any]]] = {
    "clip": _clip,
    "autoencoder": _autoencoder,
    "painter": _painter,
}


def main() -> None:
    """Runs the named sections, or all."""
    parser = argparse.ArgumentParser(description="Measure the exported models.")
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all when none is named")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--sheet", type=Path, help="write the painter's 64 pictures here as JPEG")
    args = parser.parse_args()
    chosen = args.sections or list(SECTIONS)
    print(json.dumps({name: SECTIONS[name](args.models, args.sheet) for name in chosen}, indent=1))


if __name__ == "__main__":
    main()
