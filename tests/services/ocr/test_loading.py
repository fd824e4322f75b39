"""The models as a process has them: what a reader leaves behind when it goes."""

import subprocess
import sys

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


def test_a_process_lives_on_where_its_reader_ends_in_another_thread():
    done = subprocess.run([sys.executable, "-c", FROM_ANOTHER_THREAD], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "heard")
