"""The file of what was measured: kept by many at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from services.diffusion.measured import Measured, MeasuredFile, fingerprint


def test_what_several_add_at_once_is_all_kept(tmp_path):
    def add(number: int) -> None:
        with MeasuredFile(tmp_path / "sub" / "painter.json").extended() as known:
            known.threads[str(number)] = number

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    assert MeasuredFile(tmp_path / "sub" / "painter.json").read().threads == {str(n): n for n in range(40)}


def test_who_needs_the_same_at_once_waits_for_the_one_that_measures_it(tmp_path):
    measured: list[int] = []

    def look(number: int) -> int:
        file = MeasuredFile(tmp_path / "painter.json")
        return file.remembered(lambda known: known.threads, "a", lambda: measured.append(number) or 7)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(look, range(16))) == {7}
    assert len(measured) == 1


def test_a_measurement_that_fails_leaves_what_was_known_and_the_way_free(tmp_path):
    file = MeasuredFile(tmp_path / "painter.json")
    with file.extended() as known:
        known.threads["a"] = 1
    with pytest.raises(ZeroDivisionError), file.extended() as known:
        known.threads["b"] = 1 // 0
    with file.extended() as known:
        assert known.threads == {"a": 1}


def test_no_file_and_a_broken_one_are_nothing_known(tmp_path, caplog):
    file = MeasuredFile(tmp_path / "painter.json")
    assert file.read() == Measured()
    (tmp_path / "painter.json").write_text("{")
    assert file.read() == Measured()
    assert "cannot be read" in caplog.text


def test_a_network_that_stands_elsewhere_is_known_and_one_of_another_form_is_not():
    def of(**config: object) -> str:
        return fingerprint(torch.device("cpu"), config, "float32")

    here = of(layers=2, _name_or_path="here", _diffusers_version="0.42.1")
    assert of(layers=2, _name_or_path="there", _diffusers_version="0.43.0") == here
    assert of(layers=3, _name_or_path="here", _diffusers_version="0.42.1") != here
