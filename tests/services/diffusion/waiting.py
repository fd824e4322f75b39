"""Waiting for what another thread brings about."""

import threading
from collections.abc import Callable

WITHIN_S = 30


def until(what: Callable[[], object]) -> None:
    """Until it is so; fails where it does not become so."""
    pause = threading.Event()
    for _ in range(WITHIN_S * 200):
        if what():
            return
        pause.wait(0.005)
    raise AssertionError(f"waited {WITHIN_S} s in vain")
