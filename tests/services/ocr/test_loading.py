"""Loading the models reaches nobody: OpenVINO's telemetry, which would send when it is imported, is not there."""

import subprocess
import sys
from pathlib import Path

WATCHED = """
import os, sys

told = []
sys.addaudithook(lambda event, _: told.append(event) if event in FORBIDDEN else None)
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
import openvino.tools.ovc.telemetry_utils as telemetry

Reader.from_settings(OcrSettings())
print(telemetry.tm.__name__, told, sys.modules["openvino_telemetry"])
"""
FORBIDDEN = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork", "os.posix_spawn"}


def test_nothing_is_sent_and_nothing_left_in_the_users_home(tmp_path: Path):
    script = f"FORBIDDEN = {FORBIDDEN!r}\n{WATCHED}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={"HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub [] None", done.stderr
    assert list(tmp_path.iterdir()) == []
