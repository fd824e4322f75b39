"""A benchmark that is told to end by SIGTERM leaves nothing behind of the system that it started."""

import contextlib
import signal
import subprocess
import sys

import psutil

from cli.folders import ROOT

SCRIPT = """
import time
from bench.own_system import own_system, stamping_vlm

with stamping_vlm() as vlm_url, own_system(vlm_url):
    print(vlm_url, flush=True)
    time.sleep(600)
"""


def parts_of(vlm_url):
    """The processes of the system that asks this VLM."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("DIPTYCH_VLM_URL") == vlm_url:
                found.append(process)
    return found


def test_sigterm_takes_the_whole_system_down():
    with subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as bench:
        parts = [psutil.Process(bench.pid)]
        try:
            vlm_url = bench.stdout.readline().strip()
            parts = [*psutil.Process(bench.pid).children(), *parts_of(vlm_url)]
            assert len(parts) >= 4  # the VLM, and of the system a supervisor, an orchestrator, workers
        finally:
            bench.send_signal(signal.SIGTERM)
        assert bench.wait(60) == 128 + signal.SIGTERM
    assert psutil.wait_procs(parts, timeout=20)[1] == []
