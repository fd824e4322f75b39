"""The script `./diptych` on first use and after: a real environment, in a small repository of its own."""

import importlib.util
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from cli.folders import ROOT
from tests.cli.processes import wait_for

COMMANDS = "import sys, pathlib; print(*sys.argv[1:], pathlib.Path.cwd(), sys.prefix, sep='|')"


@pytest.fixture
def script() -> ModuleType:
    loader = SourceFileLoader("diptych_script", str(ROOT / "diptych"))
    spec = importlib.util.spec_from_loader("diptych_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The script, a lock file without packages, and a `cli` that says how it was called."""
    folder = tmp_path / "repository"
    (folder / "cli").mkdir(parents=True)
    shutil.copy(ROOT / "diptych", folder)
    (folder / "cli" / "__init__.py").touch()  # a package proper, which goes before the tests' own on PYTHONPATH
    (folder / "cli" / "__main__.py").write_text(COMMANDS)
    (folder / "requirements.lock").write_text("# none\n")
    return folder


def run(repository: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(repository / "diptych"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


def test_it_installs_once_and_again_only_when_the_lock_file_changed(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "cli").mkdir(parents=True)  # a folder of our name where the user happens to be
    first = run(repository, "chat", "a b", cwd=tmp_path / "elsewhere")
    assert first.stdout == f"chat|a b|{tmp_path / 'elsewhere'}|{repository / '.venv'}\n", first.stderr
    assert "Installing 0 packages into" in first.stderr
    assert "GB on disk" in first.stderr

    second = run(repository, "status")
    assert (second.returncode, second.stderr) == (0, "")

    (repository / "requirements.lock").write_text("no-such-package-of-diptych @ file:///does/not/exist.whl\n")
    failed = run(repository, "status")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "could not be installed" in failed.stderr
    assert "Traceback" not in failed.stderr

    (repository / "requirements.lock").write_text("# none, again\n")
    again = run(repository, "status")
    assert again.returncode == 0
    assert "Installed in" in again.stderr


def test_of_two_first_starts_at_once_one_installs_and_both_run(repository: Path) -> None:
    command = [sys.executable, str(repository / "diptych"), "status"]
    pair = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=repository)
        for _ in range(2)
    ]
    outputs = [each.communicate(timeout=100) for each in pair]
    assert [each.returncode for each in pair] == [0, 0]
    assert all(out.startswith("status|") for out, _ in outputs)
    assert sum("Installed in" in err for _, err in outputs) == 1


def test_a_killed_first_start_is_repeated_from_the_beginning(repository: Path) -> None:
    command = [sys.executable, str(repository / "diptych"), "status"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=repository)
    wait_for((repository / ".venv" / "pyvenv.cfg").exists)
    killed.kill()
    killed.wait()
    (repository / ".venv" / "half-installed").touch()
    repeated = run(repository, "status")
    assert repeated.returncode == 0
    assert "Installed in" in repeated.stderr
    assert not (repository / ".venv" / "half-installed").exists()


def test_the_stamp_stands_for_the_lock_file_and_the_python(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "LOCK", tmp_path / "requirements.lock")
    stamps = set()
    for content in ("torch==2.13.0\n", "torch==2.14.0\n"):
        (tmp_path / "requirements.lock").write_text(content)
        stamps.add(script.wanted_stamp())
        monkeypatch.setattr(script.sys, "version_info", (3, 12, 0))
        stamps.add(script.wanted_stamp())
        monkeypatch.undo()
        monkeypatch.setattr(script, "LOCK", tmp_path / "requirements.lock")
    assert len(stamps) == 4


def test_an_environment_without_its_stamp_or_its_python_is_not_current(script: ModuleType, tmp_path: Path) -> None:
    assert not script.is_current(tmp_path, "s")
    (tmp_path / "diptych-stamp").write_text("s")
    assert not script.is_current(tmp_path, "s")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert script.is_current(tmp_path, "s")
    assert not script.is_current(tmp_path, "another")


@pytest.mark.parametrize(("version", "goes_on"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 13, 1), False)])
def test_a_python_without_packages_hands_over_or_says_which_it_needs(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], goes_on: bool
) -> None:
    monkeypatch.setattr(script.sys, "version_info", version)
    monkeypatch.setattr(script.shutil, "which", lambda _: None)
    if goes_on:
        script.use_suitable_python()
        return
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or 3\.12"):
        script.use_suitable_python()


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("global.extra-index-url='https://a/b'\n", True),
        ("install.find-links='/wheels'\n", True),
        (":env:.index-url='https://a/b'\n", True),
        ("global.timeout='60'\n", False),
        ("", False),
    ],
)
def test_pips_own_settings_decide_whether_a_hint_about_pytorch_is_given(
    script: ModuleType, tmp_path: Path, settings: str, found: bool
) -> None:
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text(f"#!/bin/sh\nprintf '%s' \"{settings}\"\n")
    pip.chmod(0o755)
    assert script.has_package_source(tmp_path) is found
