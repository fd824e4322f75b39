"""Waiting for what another thread or process brings about."""

import threading
import time
from collections.abc import Callable


def until(what: Callable[[], object], within_s: float = 30, every_s: float = 0.005) -> None:
    """Until it is so; fails where it does not become so in time. `every_s`: seconds from one look to the next."""
    pause, deadline = threading.Event(), time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, f"waited {within_s} s in vain"
        pause.wait(every_s)
