"""Shares with their uncertainty."""


def proportion(successes: int, total: int) -> dict[str, float | int]:
    """The share, n, and Wilson's 95 % interval (https://doi.org/10.2307/2276774)."""
    z = 1.96
    share = successes / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5 / (1 + z * z / total)
    return {"share": round(share, 4), "n": total, "low": round(centre - half, 4), "high": round(centre + half, 4)}
