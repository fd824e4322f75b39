"""LiteLLM's proxy as a process beside ours, from an environment of its own (`tests/clients/install litellm`).

It downloads nothing, keeps no database and tells nobody: a route to one server, behind its master key.
"""

import contextlib
import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.own_system import running
from cli.folders import ROOT
from cli.ports import free_port

BINARY = ROOT / ".clients" / "litellm" / "bin" / "litellm"
ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "NO_PROXY": "127.0.0.1",
    "PYTHONPATH": "",
}


class Proxy(NamedTuple):
    address: str
    key: str


@contextlib.contextmanager
def litellm_proxy(vlm_url: str) -> Iterator[Proxy | None]:
    """A running proxy that serves the model `diptych` from that server; None where it is not installed."""
    if not BINARY.exists():
        yield None
        return
    port, key = free_port(), f"sk-{secrets.token_hex(32)}"
    model = {"model": "openai/stub", "api_base": vlm_url, "api_key": "none"}
    config = {
        "model_list": [{"model_name": "diptych", "litellm_params": model}],
        "general_settings": {"master_key": key},
        "litellm_settings": {"telemetry": False},
    }
    with tempfile.TemporaryDirectory(prefix="diptych-litellm-") as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        where = ("--host", "127.0.0.1", "--port", str(port), "--telemetry", "False")
        command = [str(BINARY), "--config", str(file), *where]
        with running(command, f"http://127.0.0.1:{port}/health/liveliness", ENVIRONMENT):
            yield Proxy(f"http://127.0.0.1:{port}", key)
