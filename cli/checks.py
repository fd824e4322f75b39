"""What `test` runs: the style, the import contracts, the types, then pytest; nothing is skipped when one fails."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from cli.folders import ROOT

CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("lint-imports",),
    ("pyright",),
)


def run_checks(console: Console, pytest_arguments: Sequence[str]) -> int:
    """Run them all from the repository's root. 0 when all passed; pytest's closing line comes last."""
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"}
    failed = []
    for check in CHECKS:
        _say(console, check)
        if subprocess.run([tools / check[0], *check[1:]], cwd=ROOT, env=environment, check=False).returncode:
            failed.append(" ".join(check))
    if failed:
        console.print(f"[red]Failed before the tests:[/red] {', '.join(failed)}")
    _say(console, ("pytest", *pytest_arguments))
    tests = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", *pytest_arguments], cwd=ROOT, env=environment, check=False
    )
    return tests.returncode or bool(failed)


def _say(console: Console, command: Sequence[str]) -> None:
    console.print(f"[bold]$ {escape(' '.join(command))}[/bold]", highlight=False, soft_wrap=True)
    sys.stdout.flush()
