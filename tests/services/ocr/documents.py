"""PDFs as programs write them, with text of their own, in matplotlib's font."""

import io
from collections.abc import Callable

from matplotlib.figure import Figure

ROWS = (("Item", "Price"), ("Flow meter", "1,204.00"), ("Pressure gauge", "86.40"))


def invoice(figure: Figure) -> None:
    figure.text(0.1, 0.9, "Invoice 2026-0058 of Ada Byron", size=20)
    for number, row in enumerate(ROWS):
        for left, text in zip((0.1, 0.4), row, strict=True):
            figure.text(left, 0.85 - 0.02 * number, text, size=10)


def pdf(draw: Callable[[Figure], None]) -> bytes:
    figure, out = Figure(figsize=(8.27, 11.69)), io.BytesIO()
    draw(figure)
    figure.savefig(out, format="pdf")
    return out.getvalue()
