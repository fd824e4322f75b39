"""Figures with their uncertainty, ready for JSON: a value, n, and a 95 % interval."""

from collections.abc import Sequence
from math import ceil, floor, sqrt
from statistics import fmean, stdev
from typing import Any

Z = 1.96
Figure = dict[str, Any]


def proportion(successes: float, total: int) -> Figure:
    """The share, n, and Wilson's 95 % interval (https://doi.org/10.2307/2276774)."""
    share = successes / total
    centre = (share + Z * Z / (2 * total)) / (1 + Z * Z / total)
    half = Z * sqrt(share * (1 - share) / total + Z * Z / (4 * total * total)) / (1 + Z * Z / total)
    return {"share": round(share, 4), "n": total, "low": round(centre - half, 4), "high": round(centre + half, 4)}


def average(values: Sequence[float], unit: str) -> Figure:
    """The mean, n, and its 95 % interval as if normal. Needs two values or more."""
    mean, half = fmean(values), Z * stdev(values) / sqrt(len(values))
    low, high = round(mean - half, 4), round(mean + half, 4)
    return {"mean": round(mean, 4), "unit": unit, "n": len(values), "low": low, "high": high}


def median(values: Sequence[float], unit: str) -> Figure:
    """The median, n, and the order statistics that hold it in 95 % of samples (none assumes a distribution)."""
    ordered, n = sorted(values), len(values)
    half = Z * sqrt(n) / 2
    low, high = ordered[max(0, floor(n / 2 - half))], ordered[min(n - 1, ceil(n / 2 + half))]
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    return {"median": round(middle, 4), "unit": unit, "n": n, "low": round(low, 4), "high": round(high, 4)}
