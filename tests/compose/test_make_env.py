"""docker/make-env writes the secrets that docker-compose.yml asks for."""

import stat
import subprocess
from pathlib import Path

from cli.folders import ROOT


def make_env(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "docker" / "make-env", folder], capture_output=True, text=True, check=False, timeout=20
    )


def secrets_in(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=") for line in lines if not line.startswith("#"))


def test_fresh_secrets_that_only_their_owner_can_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name in ("a", "b"):
        assert make_env(tmp_path / name).returncode == 0
        assert stat.S_IMODE((tmp_path / name / ".env").stat().st_mode) == 0o600
    values = [value for name in ("a", "b") for value in secrets_in(tmp_path / name).values()]
    assert set(secrets_in(tmp_path / "a")) == {"DIPTYCH_API_KEY", "DIPTYCH_STORE_PASSWORD", "DIPTYCH_WATCH_PASSWORD"}
    assert len(set(values)) == 6
    assert all(len(value) == 48 and int(value, 16) for value in values)


def test_secrets_that_are_there_are_left_alone(tmp_path):
    (tmp_path / ".env").write_text("DIPTYCH_API_KEY=mine\n")
    done = make_env(tmp_path)
    assert done.returncode == 1
    assert "left alone" in done.stderr
    assert (tmp_path / ".env").read_text() == "DIPTYCH_API_KEY=mine\n"
