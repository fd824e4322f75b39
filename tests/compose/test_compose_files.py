"""What the container files promise, checked without a container engine; `python -m bench.compose_chat` runs them."""

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cli.folders import ROOT
from orchestrator.settings import OrchestratorSettings
from services.ocr.settings import OcrSettings
from services.vlm.settings import VlmSettings
from workers.settings import WorkerSettings

OURS = {"orchestrator", "vlm", "worker-diffusion", "worker-ocr", "flower"}
MONITORING = {"prometheus", "grafana"}
SERVICES = {"redis", "postgres"} | OURS | MONITORING
BASES = {"python:3.11-slim-bookworm", "redis:7-bookworm", "postgres:15-bookworm"}
WATCHERS = {"prom/prometheus:v3.13.0", "grafana/grafana:12.4"}
PUBLISHED = {"orchestrator", "flower"} | MONITORING
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
GPU = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def stages() -> dict[str, tuple[str, str]]:
    """Of each stage of the Dockerfile: what it is from, and its instructions."""
    found = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return {name: (base, body) for base, name, body in zip(found[1::3], found[2::3], found[3::3], strict=True)}


def copied(stage: str) -> set[str]:
    """What a stage copies from the repository."""
    copies = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", stages()[stage][1], re.MULTILINE)
    return {source for sources in copies for source in sources.split()}


def installed_by(extra: str) -> set[str]:
    """Every package that an extra of ours brings here, its dependencies' dependencies included."""
    project = PYPROJECT["project"]
    waiting = [Requirement(line) for line in project["dependencies"] + project["optional-dependencies"][extra]]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            lines = requires(requirement.name) or []
        except PackageNotFoundError:  # wanted on other platforms or Pythons only
            continue
        candidates = [Requirement(line) for line in lines]
        waiting += [r for r in candidates if applies(r, requirement.extras)]
    return {name for name, _ in seen}


def applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))


def test_all_processes_are_there_and_monitoring_only_when_asked_for():
    assert set(COMPOSE["services"]) == SERVICES
    profiles = {name: service.get("profiles") for name, service in COMPOSE["services"].items()}
    assert {name for name, asked in profiles.items() if asked == ["monitoring"]} == MONITORING
    assert not any(asked for name, asked in profiles.items() if name not in MONITORING)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_checked_restarted_and_logs_a_limited_amount(name):
    service = COMPOSE["services"][name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])


def test_only_what_people_open_publishes_a_port_and_only_on_loopback():
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert set(published) == PUBLISHED
    assert all(port.startswith("127.0.0.1:") for port in published["orchestrator"])
    assert not any("network_mode" in service for service in COMPOSE["services"].values())


def test_only_what_publishes_a_port_is_on_a_network_that_leads_out():
    inside = {name for name, network in COMPOSE["networks"].items() if network and network.get("internal")}
    leads_out = {name for name, service in COMPOSE["services"].items() if not set(service["networks"]) <= inside}
    assert leads_out == PUBLISHED


def test_the_vlm_server_cannot_reach_the_stores():
    networks = {name: set(service["networks"]) for name, service in COMPOSE["services"].items()}
    assert not networks["vlm"] & (networks["redis"] | networks["postgres"])


def test_who_watches_reaches_metrics_but_no_store_and_no_api_of_the_vlm():
    networks = {name: set(service["networks"]) for name, service in COMPOSE["services"].items()}
    for name in MONITORING:
        assert not networks[name] & (networks["redis"] | {"vlm", "edge"})
    scraped = {name for name, of in networks.items() if "metrics" in of} - {"prometheus"}
    assert scraped == OURS - {"flower"}
    (job,) = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    assert {name for found in job["dns_sd_configs"] for name in found["names"]} == scraped


def test_metrics_are_scraped_at_the_ports_that_serve_them():
    (job,) = yaml.safe_load((ROOT / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    for found in job["dns_sd_configs"]:
        for name in found["names"]:
            environment = COMPOSE["services"][name]["environment"]
            own = OrchestratorSettings.model_fields["port"].default
            assert found["port"] == int(environment.get("DIPTYCH_METRICS_PORT", own))


def test_nobody_watches_without_a_password():
    flower, grafana = (COMPOSE["services"][name]["environment"] for name in ("flower", "grafana"))
    assert flower["FLOWER_BASIC_AUTH"].startswith("diptych:${DIPTYCH_WATCH_PASSWORD:?")
    assert "FLOWER_UNAUTHENTICATED_API" not in flower
    assert grafana["GF_SECURITY_ADMIN_PASSWORD"] == "${DIPTYCH_WATCH_PASSWORD}"
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    started_with = COMPOSE["services"]["prometheus"]["command"][0]
    assert not re.search(r"web\.enable-(lifecycle|admin-api|remote-write-receiver)", started_with)


@pytest.mark.parametrize("name", sorted(MONITORING))
def test_everything_that_is_mounted_exists_and_cannot_be_written(name):
    for volume in COMPOSE["services"][name]["volumes"]:
        source, *_, mode = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mode == "ro"
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_have_no_privileges_and_a_read_only_root(name):
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert "USER diptych" in stages()["runtime"][1]
    assert stages()[name][0] == "runtime"
    assert "USER" not in stages()[name][1]


@pytest.mark.parametrize("name", sorted(MONITORING))
def test_the_watchers_have_no_privileges_and_a_read_only_root(name):
    service = COMPOSE["services"][name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True


@pytest.mark.parametrize("name", sorted(OURS - {"vlm"}))
def test_what_uses_the_stores_waits_until_they_are_healthy(name):
    conditions = {of: wait["condition"] for of, wait in COMPOSE["services"][name]["depends_on"].items()}
    assert conditions == {"redis": "service_healthy", "postgres": "service_healthy"}


@pytest.mark.parametrize("secret", ["DIPTYCH_API_KEY", "DIPTYCH_STORE_PASSWORD", "DIPTYCH_WATCH_PASSWORD"])
def test_a_missing_secret_stops_the_start_with_what_to_do(secret):
    assert f"${{{secret}:?run docker/make-env" in (ROOT / "docker-compose.yml").read_text()
    assert f"${{{secret}:-" not in (ROOT / "docker-compose.yml").read_text()


def test_no_substitution_holds_another_which_docker_compose_1_29_leaves_unread():
    assert not re.search(r"\$\{[^}]*\$\{", (ROOT / "docker-compose.yml").read_text())


def test_what_is_not_ours_is_official():
    bases = {base for base, _ in stages().values()} - set(stages())
    images = {COMPOSE["services"][name]["image"] for name in SERVICES - OURS}
    assert bases | images == BASES | WATCHERS
    assert len(re.findall(r"^FROM ", DOCKERFILE, re.MULTILINE)) == len(stages())


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_image_is_a_target_with_an_extra_of_the_project(name):
    build = COMPOSE["services"][name]["build"]
    assert build["target"] == name
    assert build["args"]["EXTRA"] in PYPROJECT["project"]["optional-dependencies"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_everything_an_image_copies_exists_and_is_let_in(name):
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied(name):
        assert (ROOT / source).exists(), source
        assert any(Path(source).is_relative_to(entry) for entry in let_in), source


def test_the_orchestrators_image_has_neither_model_code_nor_models_nor_torch():
    assert copied("orchestrator") == {"shared", "orchestrator", "models/vlm/profile.json"}
    extra = COMPOSE["services"]["orchestrator"]["build"]["args"]["EXTRA"]
    packages = installed_by(extra)
    assert {"fastapi", "celery", "kombu"} <= packages  # the walk goes down
    assert not packages & {"torch", "transformers", "diffusers", "onnxruntime", "openvino", "rapidocr", "numpy"}
    assert "torch" in installed_by("vlm")


def test_every_setting_that_is_passed_on_exists():
    known = {
        f"DIPTYCH_{name.upper()}"
        for settings in (OrchestratorSettings, VlmSettings, WorkerSettings, OcrSettings)
        for name in settings.model_fields
    }
    passed = {
        name for service in COMPOSE["services"].values() for name in service["environment"] if name.startswith("DIP")
    }
    assert passed
    assert passed <= known


def test_health_checks_ask_for_the_role_that_the_container_has():
    for role in ("diffusion", "ocr"):
        service = COMPOSE["services"][f"worker-{role}"]
        assert service["healthcheck"]["test"][-2:] == ["workers.health", role]
        assert f'CMD ["python", "-m", "workers.{role}"]' in stages()[f"worker-{role}"][1]


def test_the_gpu_file_gives_nvidia_devices_to_what_computes_with_torch():
    assert set(GPU["services"]) == {"vlm", "worker-diffusion"}
    for service in GPU["services"].values():
        (device,) = service["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia"
        assert device["capabilities"] == ["gpu"]
