"""A device that does later what it is told, and one that fails."""

import subprocess
import sys
import threading

import pytest

from services.diffusion import engine as engine_module
from services.diffusion.engine import AHEAD, Engine
from services.diffusion.lane import DEVICE_LOST, Lane
from services.diffusion.requests import begun, planned
from shared.jobs import GenerateImage
from tests.waiting import until

STEPS = 6


class LateMark:
    """Is passed when the test says so."""

    def __init__(self) -> None:
        self.passed, self.reached_by_teller = threading.Event(), threading.Event()

    def synchronize(self) -> None:
        if threading.current_thread().name == "teller":
            self.reached_by_teller.set()
        assert self.passed.wait(30)


class LateLane(Lane):
    """Of a device that does nothing until the test lets it."""

    marks: list[LateMark]

    def mark(self) -> LateMark:
        if self.marks:  # else steps that follow too soon are told together
            assert self.marks[-1].reached_by_teller.wait(30)
        self.marks.append(LateMark())
        return self.marks[-1]


@pytest.fixture
def marks(monkeypatch) -> list[LateMark]:
    LateLane.marks = []
    monkeypatch.setattr(engine_module, "Lane", LateLane)
    return LateLane.marks


def test_the_engine_keeps_one_step_ahead_of_the_device_and_tells_only_what_it_has_done(sana, marks):
    work = GenerateImage(prompt="a cat", seed=1, steps=STEPS)
    plan = planned(sana.model, work, (64, 64))
    picture = begun(sana.model, sana._rooms, work, plan, None, exact=True).picture
    told: list[int] = []

    def follow() -> None:
        told.extend(step for step in ticket.follow(1) if step)

    with Engine(sana.model.device, exact=True) as engine:
        ticket = engine.submit(picture)
        following = threading.Thread(target=follow)
        following.start()
        for done in range(STEPS):
            until(lambda done=done: len(marks) == min(done + AHEAD + 1, STEPS))
            assert picture.step == len(marks)
            assert len(told) <= done
            marks[done].passed.set()
            until(lambda done=done: len(told) == done + 1)
        following.join(30)
    assert told == list(range(1, STEPS + 1))


BROKEN = """
import sys
from pathlib import Path
import torch
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from shared.jobs import GenerateImage

def broken(*given):
    raise torch.AcceleratorError("an illegal memory access was encountered")

painter = Painter.from_settings(DiffusionSettings(diffusion_model=Path(sys.argv[1]), data=Path(sys.argv[2])))
where = {"step": painter.model.usual.denoiser, "decode": painter.model.autoencoder}[sys.argv[3]]
setattr(where, "predict" if sys.argv[3] == "step" else "decode", broken)
for happening in painter.paint(GenerateImage(prompt="a cat", seed=1, steps=2)):
    pass
print("the picture came")
"""


@pytest.mark.parametrize("place", ["step", "decode"])
def test_a_process_whose_device_fails_ends_as_if_it_were_killed(sana_folder, tmp_path, place):
    command = [sys.executable, "-c", BROKEN, str(sana_folder), str(tmp_path), place]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == DEVICE_LOST
    assert "The device has failed" in ended.stderr
    assert ended.stdout == ""
