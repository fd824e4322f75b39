"""`up` for any plan, as a program: its arguments are the data folder and --detach, its input is the plan as JSON."""

import sys
from pathlib import Path

from rich.console import Console

from cli.folders import DataFolder
from cli.plan import Plan
from cli.up import bring_up

if __name__ == "__main__":
    plan = Plan.from_json(sys.stdin.read())
    folder = DataFolder(Path(sys.argv[1]))
    sys.exit(bring_up(Console(width=200), folder, plan, detach="--detach" in sys.argv, within_s=20))
