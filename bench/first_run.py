"""What a newcomer meets: seconds until all is ready, memory, and whether every killed part is back and serving.

`python -m bench.first_run`: starts the whole system on a fresh data folder and a free port, asks ten things of it,
kills each of its parts in turn, and stops it. The environment must be made (`./diptych --help` makes it).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.report import publish
from cli.chat import Answer, ChatError, request_body, stream
from cli.folders import ROOT, DataFolder
from cli.pictures import links
from cli.ports import free_port
from cli.readiness import ask
from cli.state import State, tail
from cli.status import memory_pss
from cli.stop import is_live

PAGE = ROOT / "tests" / "fixtures" / "page.png"
TEXT = ("Hello!", [])
DRAWING = ("draw an orange cat in a cardboard box", [])
READING = ("what does this say?", [PAGE])
TEN_CHATS = [TEXT, DRAWING, READING, TEXT, DRAWING, TEXT, READING, TEXT, DRAWING, TEXT]
PROOF = {"worker-diffusion": DRAWING, "worker-ocr": READING}
"""What shows that a part serves again; for the others a plain chat does."""
BACK_WITHIN_S = 120.0
MIB = 2**20


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="diptych-bench-") as path, running(DataFolder(Path(path))) as system:
        idle = system.memory()
        chats = [system.chat_row(question) for question in TEN_CHATS]
        busy = system.memory()
        kills = [system.kill_row(name) for name in system.part_names()]
        left, down_s = system.down()
    figures = {
        "up_s": system.up_s,
        "idle_pss_mib": round(idle / MIB),
        "after_ten_chats_pss_mib": round(busy / MIB),
        "chats_answered": sum(row["ok"] for row in chats),
        "chats": chats,
        "kills": kills,
        "down_s": down_s,
        "processes_left": left,
    }
    publish("first_run", figures, list(_rows(figures)))


def _rows(figures: dict) -> Iterator[dict]:
    yield {"what": "up --detach until all is ready", "figure": f"{figures['up_s']:.1f} s", "target": "30 s"}
    yield {"what": "memory (PSS), idle", "figure": f"{figures['idle_pss_mib']} MiB", "target": "4096 MiB"}
    after = f"{figures['after_ten_chats_pss_mib']} MiB"
    yield {"what": "memory (PSS), after ten chats", "figure": after, "target": "4096 MiB"}
    yield {"what": "chats answered", "figure": f"{figures['chats_answered']} of {len(TEN_CHATS)}", "target": "all"}
    for kill in figures["kills"]:
        back = f"process {kill['process_s']} s, ready {kill['ready_s']} s, chat {kill['chat_s']} s"
        yield {"what": f"{kill['part']} killed, back after", "figure": back, "target": "it is back"}
    yield {"what": "processes left by down", "figure": str(figures["processes_left"]), "target": "0"}


@contextmanager
def running(folder: DataFolder) -> Iterator["System"]:
    """The whole system, up; it is stopped in the end whatever happens."""
    port = free_port()
    began = time.monotonic()
    up = diptych("up", "--detach", "--data", str(folder.path), "--port", str(port))
    if up.returncode:
        sys.exit(f"it did not come up:\n{up.stdout}{up.stderr}")
    system = System(folder, f"http://127.0.0.1:{port}", round(time.monotonic() - began, 1))
    try:
        yield system
    finally:
        diptych("down", "--data", str(folder.path))


def diptych(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "diptych", *arguments], capture_output=True, text=True, check=False)


class System:
    """A running system, from outside."""

    def __init__(self, folder: DataFolder, address: str, up_s: float) -> None:
        self.folder = folder
        self.address = address
        self.up_s = up_s

    def state(self) -> State:
        state = State.read(self.folder)
        assert state is not None, tail(self.folder.log("supervisor"))
        return state

    def part_names(self) -> list[str]:
        return [part.name for part in self.state().parts]

    def process(self, part: str) -> psutil.Process | None:
        identity = next(each.identity for each in self.state().parts if each.name == part)
        return identity.process() if identity else None

    def everyone(self) -> list[psutil.Process]:
        """The supervisor and all its descendants."""
        supervisor = psutil.Process(self.state().supervisor.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def memory(self) -> int:
        """Sum of PSS over all processes, in bytes."""
        return memory_pss(self.everyone())

    def chat_row(self, question: tuple[str, list[Path]]) -> dict:
        """Ask once: seconds, and whether the answer has what was asked for (a picture for a drawing, else text)."""
        began = time.monotonic()
        answer, error = Answer(), ""
        try:
            with httpx.Client(base_url=self.address, timeout=300, trust_env=False) as client:
                for _ in stream(client, request_body(*question), answer):
                    pass
        except ChatError as failure:
            error = str(failure)
        ok = not error and _is_answered(question, answer)
        seconds = round(time.monotonic() - began, 2)
        return {"question": question[0], "ok": ok, "s": seconds, "characters": len(answer.text), "error": error}

    def kill_row(self, part: str) -> dict:
        """SIGKILL one part: seconds until its new process runs, /readyz is 200, and a chat that needs it answers.

        A worker counts as seen for some seconds after its death, so `ready` may come before `process`; the chat tells.
        """
        victim = self.process(part)
        assert victim is not None
        victim.kill()
        began = time.monotonic()
        process_s = _seconds(began, lambda: self.process(part) not in {None, victim})
        ready_s = _seconds(began, lambda: ask(self.address).ready)
        chat_s = _seconds(began, lambda: self.chat_row(PROOF.get(part, TEXT))["ok"])
        return {"part": part, "process_s": process_s, "ready_s": ready_s, "chat_s": chat_s}

    def down(self) -> tuple[int, float]:
        """Stop it: processes that are left (none should be), and seconds."""
        everyone = self.everyone()
        began = time.monotonic()
        diptych("down", "--data", str(self.folder.path))
        return sum(is_live(process) for process in everyone), round(time.monotonic() - began, 1)


def _is_answered(question: tuple[str, list[Path]], answer: Answer) -> bool:
    """A drawing has a picture, a reading has the page's first line exactly, anything else has words."""
    if question is DRAWING:
        return bool(links(answer.text, answer.images))
    if question is READING:
        return PAGE.with_suffix(".txt").read_text().splitlines()[0] in answer.text
    return bool(answer.text.strip())


def _seconds(began: float, reached: Callable[[], bool]) -> float | None:
    """Seconds since `began` when it was reached, None where it was not within bounds."""
    while time.monotonic() - began < BACK_WITHIN_S:
        if reached():
            return round(time.monotonic() - began, 2)
        time.sleep(0.05)
    return None


if __name__ == "__main__":
    main()
