"""The shape of the house, as far as import-linter cannot see it."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"orchestrator", "workers", "services", "shared", "cli", "training", "bench"}
HEAVY = {"torch", "diffusers", "transformers", "onnxruntime", "openvino", "rapidocr", "numpy"}


@pytest.mark.parametrize("module", ["orchestrator.app", "orchestrator.__main__", "cli.app", "shared.imaging"])
def test_what_serves_people_loads_no_model_code(module):
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not HEAVY & set(loaded.stdout.split())


def test_our_folders_are_never_installed():
    assert not OURS & set(packages_distributions())


def test_every_package_of_ours_says_what_it_is():
    silent = [
        path.relative_to(ROOT)
        for folder in OURS
        for path in (ROOT / folder).rglob("*.py")
        if path.read_text().strip() and not path.read_text().startswith(('"""', "#!"))
    ]
    assert silent == []
