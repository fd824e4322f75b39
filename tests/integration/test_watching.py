"""A real system as those see it who watch it: Prometheus, a collector of traces, Flower, and a reader of its logs."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cli.folders import ROOT, DataFolder
from cli.ports import free_port
from tests.integration.otlp import receiving
from tests.systems import System, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
KEY = "key-of-this-test"
DRAW = {"model": "diptych", "messages": [{"role": "user", "content": "draw an orange cat in a cardboard box"}]}
METRIC = re.compile(r"\b(?:diptych|process)_\w+")
ONLY_WITH_A_GPU = {"diptych_gpu_memory_bytes"}
PARTS = {"orchestrator", "vlm", "worker-diffusion", "worker-ocr"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


class Watched(System):
    """A system behind a key, whose spans a receiver gets. One picture was painted in it."""

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {KEY}", "X-Request-ID": "req_of_this_test"}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=110)


@pytest.fixture(scope="module")
def traces():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def watched(tmp_path_factory, traces):
    settings = {"DIPTYCH_API_KEY": KEY, "DIPTYCH_OTLP_ENDPOINT": traces.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with running(tmp_path_factory.mktemp("watched"), **settings) as system:
        watched = Watched(url=system.url, data=system.data)
        watched.post("/v1/chat/completions", DRAW).raise_for_status()
        yield watched


def targets(system: System) -> dict[str, str]:
    """Where the parts serve metrics, by their names."""
    groups = json.loads(DataFolder(system.data).targets.read_text())
    return {group["labels"]["part"]: group["targets"][0] for group in groups}


def exported(system: Watched) -> set[str]:
    """The names of all series that any part of the system can have."""
    names = set()
    for address in targets(system).values():
        headers = {"Authorization": f"Bearer {KEY}"}
        text = httpx.get(f"http://{address}/metrics", headers=headers, timeout=30).raise_for_status().text
        for family in text_string_to_metric_families(text):
            names |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ())}
    return names


def dashboard() -> list[str]:
    panels = json.loads((ROOT / "monitoring" / "grafana" / "dashboards" / "diptych.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def rules() -> list[str]:
    groups = yaml.safe_load((ROOT / "monitoring" / "rules.yml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.TransportError:
        return False


def test_every_part_serves_metrics_where_the_file_for_prometheus_says(watched):
    assert set(targets(watched)) == PARTS
    assert targets(watched)["orchestrator"] == watched.url.removeprefix("http://")


def test_every_metric_that_the_dashboard_or_a_rule_asks_for_is_exported(watched):
    asked = {name for expression in dashboard() + rules() for name in METRIC.findall(expression)}
    assert len(asked) > 25
    assert asked - exported(watched) == ONLY_WITH_A_GPU


def test_every_metric_of_ours_is_on_the_dashboard(watched):
    shown = {name for expression in dashboard() for name in METRIC.findall(expression)}
    ours = {name for name in exported(watched) if name.startswith("diptych_")}
    histograms = {name.removesuffix("_bucket") for name in ours if name.endswith("_bucket")}
    singles = {name for name in ours if name.rsplit("_", 1)[0] not in histograms}
    assert {name for name in histograms if not any(each.startswith(name) for each in shown)} == set()
    assert singles - shown == set()


@contextlib.contextmanager
def prometheus(system: Watched, folder: Path) -> Iterator[str]:
    """The address of Debian's Prometheus, with our configuration for this system."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("there is no Prometheus on this machine")
    configuration = yaml.safe_load((ROOT / "monitoring" / "up.yml").read_text())
    (job,) = configuration["scrape_configs"]
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(ROOT / "monitoring" / "rules.yml")]
    job["file_sd_configs"] = [{"files": [str(DataFolder(system.data).targets)]}]
    job["authorization"] = {"credentials": KEY}
    file, address = folder / "prometheus.yml", f"127.0.0.1:{free_port()}"
    file.write_text(yaml.safe_dump(configuration))
    options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={address}"]
    process = subprocess.Popen([binary, *options], stderr=subprocess.DEVNULL, cwd=folder)
    try:
        system.wait_until(lambda: answers(f"http://{address}/-/ready"), 60)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_real_prometheus_scrapes_all_parts_and_can_answer_every_question(watched, tmp_path):
    with prometheus(watched, tmp_path) as url:

        def ask(path: str, **params: str) -> Any:
            answer = httpx.get(f"{url}/api/v1/{path}", params=params, timeout=10).json()
            assert answer["status"] == "success", (params, answer)
            return answer["data"]

        def all_are_up() -> bool:
            active = ask("targets")["activeTargets"]
            return {each["labels"]["part"] for each in active if each["health"] == "up"} == PARTS

        watched.wait_until(all_are_up, 60)
        for expression in dashboard() + rules():
            ask("query", query=expression.replace("$__rate_interval", "1m"))
        (done,) = ask("query", query='sum by (part) (diptych_jobs_ended_total{status="done"})')["result"]
        assert (done["metric"]["part"], float(done["value"][1]) >= 1) == ("worker-diffusion", True)
        (steps,) = ask("query", query="sum(diptych_denoise_step_seconds_count)")["result"]
        assert float(steps["value"][1]) > 1
        assert len(ask("rules")["groups"][0]["rules"]) == len(rules())


def test_the_configuration_for_containers_is_one_that_prometheus_reads():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool on this machine")
    for arguments in (["config", "--syntax-only", "prometheus.yml"], ["config", "up.yml"], ["rules", "rules.yml"]):
        command = [promtool, "check", *arguments]
        done = subprocess.run(command, cwd=ROOT / "monitoring", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_request_is_one_trace_through_all_processes(watched, traces):
    watched.wait_until(lambda: bool(traces.path_to("decode")), 30)
    ours = "diptych-orchestrator"
    to_tool = [(ours, "POST /v1/chat/completions"), (ours, "invoke_agent diptych")]
    to_job = [*to_tool, (ours, "execute_tool generate_image"), ("diptych-worker-diffusion", "job generate_image")]
    assert traces.path_to("denoise") == [*to_job, ("diptych-worker-diffusion", "denoise")]
    denoise = next(span for span in traces.spans if span.name == "denoise")
    of_vlm = [span for span in traces.spans if span.service == "diptych-vlm" and span.trace == denoise.trace]
    by_id = {span.span: span for span in traces.spans}
    assert {by_id[span.parent].name for span in of_vlm} == {"chat vlm"}


def test_logs_are_json_lines_that_name_request_job_and_trace(watched):
    lines = {part: DataFolder(watched.data).log(part).read_text().splitlines() for part in PARTS}
    entries = {part: [json.loads(line) for line in of_part] for part, of_part in lines.items()}
    access = next(each for each in entries["orchestrator"] if "POST /v1/chat" in each["message"])
    assert access["request_id"] == "req_of_this_test"
    done = next(each for each in entries["worker-diffusion"] if " done in " in each["message"])
    assert done["job_id"].startswith("job_")
    assert done["trace_id"] == access["trace_id"]
    assert {"time", "level", "logger"} <= done.keys()


def test_flower_shows_workers_and_tasks_to_whoever_has_the_password(watched):
    lines = (watched.data / "redis" / "redis.conf").read_text().splitlines()
    configured = dict(line.split(" ", 1) for line in lines)
    port = free_port()
    environment = {
        "CELERY_BROKER_URL": f"redis://:{configured['requirepass']}@127.0.0.1:{configured['port']}/0",
        "FLOWER_ADDRESS": "127.0.0.1",
        "FLOWER_PORT": str(port),
        "FLOWER_BASIC_AUTH": "diptych:right",
    }
    command = [Path(sys.executable).parent / "celery", "flower"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, cwd=watched.data)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("diptych", "right"), timeout=10)
    try:
        watched.wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthcheck"), 60)
        for auth in (("diptych", "wrong"), None):
            assert httpx.get(f"http://127.0.0.1:{port}/api/workers", auth=auth).status_code == 401
        watched.wait_until(lambda: len(client.get("/api/workers").json()) == 2, 60)

        def a_task_is_shown() -> bool:  # workers send events from when Flower has asked them to: every 5 s it does
            watched.post("/v1/chat/completions", DRAW).raise_for_status()
            return "diffusion.take_next" in client.get("/api/tasks").text

        watched.wait_until(a_task_is_shown, 60)
    finally:
        client.close()
        process.terminate()
        process.wait(20)
