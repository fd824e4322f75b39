"""Measures an exported VLM through the server's own engine: grammar, copy constraint and all.

Usage: python -m training.vlm.evaluate [PART ...] [--model models/vlm] [--quick]
Prints JSON; what went wrong lies in runs/vlm/evaluation-*.json.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.intervals import Figure
from training.vlm.asking import Asker
from training.vlm.evaluate_answers import evaluate_extraction, evaluate_others, evaluate_results, evaluate_scenes
from training.vlm.evaluate_calls import evaluate_functions, evaluate_messages, evaluate_written_functions
from training.vlm.evaluate_edits import evaluate_edits

Part = Callable[[Asker, bool], dict[str, Figure]]
HELD_OUT_SETS = ("held_out", "held_out_further")
PARTS: dict[str, Part] = {
    "messages, held out": lambda asker, quick: evaluate_messages(asker, HELD_OUT_SETS),
    "edits, written by hand": lambda asker, quick: evaluate_edits(asker),
    "functions, held out": lambda asker, quick: evaluate_functions(asker, 140 if quick else 300),
    "functions, written by hand": lambda asker, quick: evaluate_written_functions(asker),
    "scenes, held-out combinations": lambda asker, quick: evaluate_scenes(asker, 20 if quick else 40, held_out=True),
    "scenes, other combinations": lambda asker, quick: evaluate_scenes(asker, 10 if quick else 20, held_out=False),
    "lines of a page, held out": lambda asker, quick: evaluate_extraction(asker, 120 if quick else 200, held_out=True),
    "lines of a page, fresh": lambda asker, quick: evaluate_extraction(asker, 60 if quick else 100, held_out=False),
    "answers to results": lambda asker, quick: evaluate_results(asker, 60 if quick else 100),
    "pictures of other kinds": lambda asker, quick: evaluate_others(asker, 20 if quick else 40),
}
DEVELOPMENT: dict[str, Part] = {
    "messages, development": lambda asker, quick: evaluate_messages(asker, ("development",)),
    "functions, fresh": lambda asker, quick: evaluate_functions(asker, 60, held_out=False),
}
"""Looked at while training; no figures of the card."""


def evaluate_vlm(folder: Path, *, quick: bool) -> dict[str, Any]:
    """All figures of the model in `folder`; `quick` takes fewer samples (under four minutes on one core)."""
    asker = Asker(folder)
    return {name: part(asker, quick) for name, part in PARTS.items()}


def main() -> None:
    """Prints the figures of the chosen parts."""
    parts = PARTS | DEVELOPMENT
    parser = argparse.ArgumentParser(description="Evaluate an exported VLM.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"beginnings of: {'; '.join(parts)}. Default: all")
    parser.add_argument("--model", type=Path, default=Path("models/vlm"))
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    asker = Asker(args.model)
    chosen = [name for name in parts if name.startswith(tuple(args.parts))] if args.parts else list(PARTS)
    print(json.dumps({name: parts[name](asker, args.quick) for name in chosen}, indent=1))


if __name__ == "__main__":
    main()
