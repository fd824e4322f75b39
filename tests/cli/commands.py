"""Diptych's commands as programs, in the tests' own environment."""

import os
import subprocess

from cli.child import python
from cli.folders import ROOT


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one to its end. The settings of whoever runs the tests do not reach it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_")}
    return subprocess.run(
        python("cli", *arguments),
        env={**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
