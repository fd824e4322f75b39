"""Places where a test may have a process die, named after what has just been done.

`DIPTYCH_FAILPOINT=claim.committed` ends the process there as SIGKILL would: nothing is flushed, nothing cleaned up.
`DIPTYCH_FAILPOINT=claim.committed:/path` does so only while that file exists, and removes it first: once, in whichever
process comes by. Unset, a failpoint is one comparison.
"""

import os
from pathlib import Path

EXIT_CODE = 86
_armed, _, _once = os.environ.get("DIPTYCH_FAILPOINT", "").partition(":")


def failpoint(name: str) -> None:
    if name == _armed:
        _die()


def _die() -> None:
    if _once:
        try:
            Path(_once).unlink()
        except FileNotFoundError:
            return
    os._exit(EXIT_CODE)
