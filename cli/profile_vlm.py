"""Measuring the VLM that the system uses: finds its address, starts the measurement as a process of its own.

Knows where a running system's VLM listens. The measurement itself (`training.reading`) loads OCR models, which the
commands never do.
"""

import os
import subprocess
from pathlib import Path

from rich.console import Console

from cli.child import python
from cli.folders import DataFolder
from cli.state import State, is_locked


def profile_vlm(console: Console, folder: DataFolder, *, pages: int, out: Path | None) -> int:
    """Measure and write the profile; 1 where there is no VLM to ask."""
    url = os.environ.get("DIPTYCH_VLM_URL") or running_vlm(folder)
    if url is None:
        console.print("There is no VLM to measure: start Diptych with ./diptych up, or set DIPTYCH_VLM_URL.")
        return 1
    destination = ("--out", str(out.resolve())) if out else ()
    environment = {**os.environ, "DIPTYCH_VLM_URL": url, "DIPTYCH_DATA": str(folder.path)}
    command = python("training.reading", "--pages", str(pages), *destination)
    return subprocess.run(command, env=environment, check=False).returncode


def running_vlm(folder: DataFolder) -> str | None:
    """The address of the VLM server that was started here, None where none runs."""
    state = State.read(folder) if is_locked(folder) else None
    ports = [part.port for part in state.parts if part.name == "vlm" and part.port] if state else []
    return f"http://127.0.0.1:{ports[0]}/v1" if ports else None
