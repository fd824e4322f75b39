"""A fork of the supervisor that outlives it: when the supervisor is gone, whatever way, nothing of its parts stays.

The kernel kills the parts themselves with their parent (cli.child); what those had started is swept here. The guard
shares the supervisor's lock, so the data folder is free only once the sweep is done.
"""

import os
import signal

from cli.folders import DataFolder
from cli.state import State
from cli.stop import sweep


class Guard:
    """The guard as the supervisor holds it. `start` must come before any other child."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._pid = 0
        self._line = -1

    def start(self) -> None:
        """Fork the guard. It learns of the supervisor's end by the pipe whose other end only the supervisor has."""
        listening, self._line = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(listening)
            return
        os.close(self._line)
        try:
            _watch(listening, self._folder)
        finally:
            os._exit(0)

    def keep(self) -> None:
        """Fork it again where somebody killed it."""
        if os.waitpid(self._pid, os.WNOHANG)[0]:
            os.close(self._line)
            self.start()


def _watch(listening: int, folder: DataFolder) -> None:
    os.setsid()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    os.read(listening, 1)
    state = State.read(folder)
    if state:
        sweep(state)
        folder.state.unlink(missing_ok=True)
