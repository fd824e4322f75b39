"""The models as a process has them: nobody is told of it, and what a reader leaves behind when it goes."""

import subprocess
import sys
from pathlib import Path

FROM_ANOTHER_THREAD = """
import signal, threading
from services.ocr.loading import load
from services.ocr.settings import OcrSettings

held = [load(OcrSettings())]
thread = threading.Thread(target=held.clear)
thread.start()
thread.join()
heard = []
signal.signal(signal.SIGUSR1, lambda *_: heard.append("heard"))
signal.raise_signal(signal.SIGUSR1)
print(*heard)
"""
FORBIDDEN = {"socket.connect", "socket.getaddrinfo", "socket.sendto", "subprocess.Popen", "os.fork", "os.posix_spawn"}
WATCHED = f"""
import sys

told = []
sys.addaudithook(lambda event, _: told.append(event) if event in {FORBIDDEN!r} else None)
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
import openvino.tools.ovc.telemetry_utils as telemetry

Reader.from_settings(OcrSettings())
print(telemetry.tm.__name__, told)
"""


def test_a_process_lives_on_where_its_reader_ends_in_another_thread():
    done = subprocess.run([sys.executable, "-c", FROM_ANOTHER_THREAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "heard")


def test_loading_sends_nothing_and_leaves_nothing_in_the_users_home(tmp_path: Path):
    """OpenVINO's telemetry would do both as soon as it is imported."""
    root, home = Path(__file__).parents[3], {"HOME": str(tmp_path)}
    command = [sys.executable, "-c", WATCHED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=home)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub []", done.stderr
    assert list(tmp_path.iterdir()) == []
