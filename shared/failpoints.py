"""Places where a test may have a process die, named after what has just been done.

`DIPTYCH_FAILPOINT=claim.committed` ends the process there as SIGKILL would: nothing is flushed, nothing cleaned up.
`DIPTYCH_FAILPOINT=claim.committed:/path` does so only while that file exists, and removes it first: once, in whichever
process comes by. Several stand with commas between them. Unset, a failpoint is one look into an empty dictionary.
"""

import os
from pathlib import Path

EXIT_CODE = 86


def _parse(setting: str) -> dict[str, str]:
    """Each armed name with the file that it takes; without one it is always armed."""
    parted = [each.partition(":") for each in setting.split(",") if each]
    return {name: once for name, _, once in parted}


_armed = _parse(os.environ.get("DIPTYCH_FAILPOINT", ""))


def failpoint(name: str) -> None:
    if name in _armed:
        _die(_armed[name])


def _die(once: str) -> None:
    if once:
        try:
            Path(once).unlink()
        except FileNotFoundError:
            return
    os._exit(EXIT_CODE)
