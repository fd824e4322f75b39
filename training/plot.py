"""Draws what a training logged: a small chart of each figure over the minutes, as one PNG beside the model's card.

Usage: python -m training.plot NAME FILE    (for example: detector models/detector/training.png)
Reads runs/NAME/log.jsonl, which `training.run` writes. A thin line is what was logged, a thick one its running median.
"""

import argparse
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from training.committed import Line, read_log
from training.run import RUNS

COLUMNS = 3
PANEL = (3.1, 1.9)
"""Width and height of a chart in inches of 80 pixels."""
MOST_POINTS = 400
SPAN = 9
"""Values in a running median."""
SHADES = 24
"""Colours of the file: a third of the bytes, and the same to the eye."""
BESIDES = ("step", "minutes")

Series = dict[str, tuple[list[float], list[float]]]


def series_of(lines: list[Line]) -> Series:
    """Minutes and values of every figure in the log, thinned to MOST_POINTS."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in lines:
        for name, value in line.items():
            if name not in BESIDES and isinstance(value, int | float):
                found[name].append((line["minutes"], value))
    thinned = {name: points[:: -(-len(points) // MOST_POINTS)] for name, points in found.items()}
    return {name: ([x for x, _ in points], [y for _, y in points]) for name, points in thinned.items()}


def running_median(values: list[float]) -> list[float]:
    """As long as `values`; each is the median of up to SPAN neighbours."""
    half = SPAN // 2
    return [median(values[max(0, k - half) : k + half + 1]) for k in range(len(values))]


def draw(series: Series, title: str, path: Path) -> None:
    """One chart for each figure."""
    rows = -(-len(series) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * PANEL[0], rows * PANEL[1] + 0.3), dpi=80, layout="constrained")
    figure.suptitle(title, fontsize=10)
    with mpl.rc_context({"font.size": 7}):
        for k, (name, (minutes, values)) in enumerate(series.items()):
            axes = figure.add_subplot(rows, COLUMNS, k + 1)
            axes.plot(minutes, values, color="0.75", linewidth=0.6)
            axes.plot(minutes, running_median(values), color="tab:blue", linewidth=1.4)
            axes.set_title(name.replace("_", " "), fontsize=8)
            axes.set_xlabel("minutes")
            axes.grid(alpha=0.3)
        figure.savefig(drawn := BytesIO(), format="png")
    Image.open(drawn).convert("RGB").quantize(SHADES).save(path, optimize=True)


def main() -> None:
    """Draws one training's log."""
    parser = argparse.ArgumentParser(description="Draw a training's log.")
    parser.add_argument("name", help="a folder in runs/")
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    series = series_of(read_log(RUNS / args.name / "log.jsonl"))
    if not series:
        parser.error(f"{RUNS / args.name} has no log")
    draw(series, f"training.{args.name}", args.file)


if __name__ == "__main__":
    main()
