"""A failpoint ends its process where it is armed, and only there."""

import os
import subprocess
import sys

import pytest

from cli.folders import ROOT
from shared.failpoints import EXIT_CODE

CODE = "from shared.failpoints import failpoint; failpoint('one'); failpoint('two'); print('alive')"


def run(armed):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DIPTYCH_FAILPOINT": armed}
    return subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("armed", ["one", "two", "other,two"])
def test_a_process_dies_at_an_armed_failpoint(armed):
    ended = run(armed)
    assert (ended.returncode, ended.stdout) == (EXIT_CODE, "")


@pytest.mark.parametrize("armed", ["", "other", "one:/nowhere/file"])
def test_a_process_lives_where_none_is_armed(armed):
    assert run(armed).stdout == "alive\n"


def test_one_with_a_file_takes_the_file_and_kills_one_process(tmp_path):
    file = tmp_path / "once"
    file.touch()
    assert run(f"other,two:{file}").returncode == EXIT_CODE
    assert not file.exists()
    assert run(f"other,two:{file}").returncode == 0
