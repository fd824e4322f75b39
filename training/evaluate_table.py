"""Figures as a table for people: nested dictionaries whose leaves are figures (`training.intervals`) or values."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 132
_VALUES = ("share", "mean", "median")


def rows(figures: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str, str]]:
    """What, result, n and 95 % interval of every leaf."""
    for name, value in figures.items():
        here = (*path, str(name))
        kind = next((key for key in _VALUES if isinstance(value, Mapping) and key in value), None)
        if kind is not None:
            yield (" · ".join(here), *_cells(value, kind))
        elif isinstance(value, Mapping):
            yield from rows(value, here)
        else:
            yield " · ".join(here), str(value), "", ""


def _cells(figure: Mapping[str, Any], kind: str) -> tuple[str, str, str]:
    if kind == "share":
        ends = f"{100 * figure['low']:.1f}-{100 * figure['high']:.1f} %"
        return f"{100 * figure['share']:.1f} %", str(figure["n"]), ends
    ends = f"{figure['low']:.3g}-{figure['high']:.3g}"
    return f"{figure[kind]:.3g} {figure['unit']} ({kind})", str(figure["n"]), ends


def print_table(title: str, figures: Mapping[str, Any]) -> None:
    """The table on the terminal."""
    table = Table("what", "result", "n", "95 % interval", title=title, title_justify="left")
    for row in rows(figures):
        table.add_row(*row)
    Console(width=WIDTH).print(table)
