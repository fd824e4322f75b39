"""How every process of ours logs: one line per event to standard error. Who collects the lines is not its business."""

import logging


def set_up_logging() -> None:
    """To be called once, first thing in a process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
