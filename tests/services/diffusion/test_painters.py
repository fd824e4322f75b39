"""Several painters in one process: by name, on demand, within a budget."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.diffusion.folder import weight_bytes
from services.diffusion.painter import Painter
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.errors import InvalidRequest, JobFailed
from shared.jobs import GenerateImage


@pytest.fixture
def folder(sana_folder, stable_diffusion_folder, tmp_path):
    for name, source in (("one", sana_folder), ("two", sana_folder), ("three", stable_diffusion_folder)):
        shutil.copytree(source, tmp_path / name)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model_index.json").write_text("{}")
    return tmp_path


@pytest.fixture
def painters_of(sana_folder, folder, tmp_path_factory):
    def make(budget_mb: int = 0) -> Painters:
        data = tmp_path_factory.mktemp("data")
        usual = {"diffusion_model": sana_folder, "diffusion_models": folder, "data": data, "diffusion_threads": 1}
        return Painters(DiffusionSettings(**usual, diffusion_memory_mb=budget_mb))

    return make


def work() -> GenerateImage:
    return GenerateImage(prompt="a cat", seed=1, steps=1)


def test_a_painter_is_loaded_when_it_is_asked_for_and_stays(painters_of):
    painters = painters_of()
    assert painters.names() == ["broken", "one", "three", "two"]
    with painters.using("") as usual, painters.using("tiny-sana") as same, painters.using("three") as other:
        assert usual is same is painters.usual
        *_, painted = other.paint(work())
    assert painted.model == "three"
    with painters.using("three") as again:
        assert again is other


def test_who_was_not_used_for_longest_makes_room(painters_of, folder, monkeypatch):
    sizes = {"one": 4, "two": 4, "three": 4}
    monkeypatch.setattr("services.diffusion.painters.weight_bytes", lambda path: sizes[path.name] * 10**6)
    painters = painters_of(budget_mb=8)
    with painters.using("one") as one, painters.using("two"):
        pass
    with painters.using("one") as again:
        assert again is one
    with painters.using("three"), painters.using("one") as still:
        assert still is one
    assert list(painters._others) == ["three", "one"]
    assert weight_bytes(folder / "one") > 1000


def test_a_painter_in_use_is_not_let_go_and_others_wait_for_it(painters_of, monkeypatch):
    monkeypatch.setattr("services.diffusion.painters.weight_bytes", lambda path: 4 * 10**6)
    painters = painters_of(budget_mb=4)
    loaded = threading.Event()

    def use_two() -> None:
        with painters.using("two"):
            loaded.set()

    with ThreadPoolExecutor(1) as threads:
        with painters.using("one") as one:
            waiting = threads.submit(use_two)
            assert not loaded.wait(0.2)
            *_, painted = one.paint(work())
            assert painted.model == "one"
        waiting.result(30)
    assert list(painters._others) == ["two"]


def test_who_waits_for_a_painter_to_be_loaded_keeps_nobody_else_waiting(painters_of, monkeypatch):
    painters, load = painters_of(), Painter.from_settings
    begun, go_on = threading.Event(), threading.Event()
    with painters.using("one"):
        pass

    def slow(*args, **settings) -> Painter:
        begun.set()
        assert go_on.wait(30)
        return load(*args, **settings)

    def name_of_two() -> str:
        with painters.using("two") as two:
            return two.model.name

    monkeypatch.setattr(Painter, "from_settings", slow)
    with ThreadPoolExecutor(2) as threads:
        loading = [threads.submit(name_of_two) for _ in range(2)]
        assert begun.wait(30)
        with painters.using("one") as one:
            assert one.model.name == "one"
        go_on.set()
        assert [future.result(30) for future in loading] == ["two", "two"]


def test_what_cannot_be_had_is_said(painters_of, monkeypatch):
    painters = painters_of(budget_mb=1)
    with pytest.raises(InvalidRequest, match=r"no painter named x\. There is: tiny-sana, broken, one, three, two"):
        painters.using("x").__enter__()
    with pytest.raises(JobFailed, match="broken cannot be loaded"):
        painters.using("broken").__enter__()
    monkeypatch.setattr("services.diffusion.painters.weight_bytes", lambda path: 10**9)
    with pytest.raises(JobFailed, match="needs 1000 MB of memory, and 1 MB are allowed"):
        painters.using("one").__enter__()
    with painters.using("") as usual:
        assert len(list(usual.paint(work()))) >= 3
