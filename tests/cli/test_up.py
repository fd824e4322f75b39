"""`up`, `down` and `status` as programs, with small parts in place of Diptych's own."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.child import python
from cli.folders import ROOT, DataFolder
from cli.plan import Plan
from cli.ports import free_port
from cli.state import PartState, ProcessId, State, is_locked, tail
from cli.stop import processes, stop
from tests.cli.commands import command
from tests.cli.processes import CRASHER, DEAF, PARENT, READY_SERVER, SLEEPER, none_lives, part, plan, wait_for

FOREGROUND = Path(__file__).with_name("foreground.py")


@pytest.fixture(autouse=True)
def nothing_is_left_running(folder: DataFolder) -> Iterator[None]:
    yield
    stop(folder)


def ready_plan() -> Plan:
    """A grandchild, a sleeper, and a server that is ready."""
    port = free_port()
    server = part("orchestrator", READY_SERVER, str(port), port=port)
    return plan(part("parent", PARENT), part("sleeper", SLEEPER), server, address=f"http://127.0.0.1:{port}")


def bring_up(folder: DataFolder, of: Plan, *options: str) -> subprocess.Popen[str]:
    program = subprocess.Popen(
        [python("x")[0], str(FOREGROUND), str(folder.path), *options],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert program.stdin is not None
    program.stdin.write(of.to_json())
    program.stdin.close()
    program.stdin = None
    return program


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_in_the_foreground_a_signal_stops_everything_grandchildren_included(
    folder: DataFolder, how: signal.Signals
) -> None:
    program = bring_up(folder, ready_plan())
    assert program.stdout is not None
    said = wait_for(lambda: (line := program.stdout.readline()) and "is ready" in line and line)
    state = State.read(folder)
    assert state is not None
    assert state.address in said
    everyone = processes(state)
    program.send_signal(how)
    rest, _ = program.communicate(timeout=20)
    assert program.returncode == 0
    assert len(everyone) == 5
    assert "5 processes ended, none is left" in rest
    assert none_lives(everyone)


def test_a_second_interrupt_does_not_wait_for_a_part_that_will_not_end(folder: DataFolder) -> None:
    port = free_port()
    server = part("orchestrator", READY_SERVER, str(port), port=port)
    address = f"http://127.0.0.1:{port}"
    program = bring_up(folder, plan(part("deaf", DEAF), server, address=address, stop_within_s=25.0))
    assert program.stdout is not None
    wait_for(lambda: "is ready" in program.stdout.readline())
    wait_for(lambda: "deaf" in tail(folder.log("deaf")))
    program.send_signal(signal.SIGINT)
    wait_for(lambda: "Stopping" in program.stdout.readline())
    wait_for(lambda: (state := State.read(folder)) and state.parts[0].state is PartState.STOPPING)
    program.send_signal(signal.SIGINT)
    rest, _ = program.communicate(timeout=10)
    assert program.returncode == 0
    assert "none is left" in rest
    assert not is_locked(folder)


def test_a_killed_foreground_takes_its_system_along(folder: DataFolder) -> None:
    program = bring_up(folder, ready_plan())
    assert program.stdout is not None
    wait_for(lambda: "is ready" in program.stdout.readline())
    state = State.read(folder)
    assert state is not None
    everyone = processes(state)
    program.kill()
    program.communicate(timeout=5)
    wait_for(lambda: none_lives(everyone) and not is_locked(folder))


def test_detached_it_stays_until_down_and_down_leaves_no_process(folder: DataFolder) -> None:
    said, _ = bring_up(folder, ready_plan(), "--detach").communicate(timeout=30)
    state = State.read(folder)
    assert state is not None
    assert f"ready after 0 s: {state.address}" in said or state.address in said
    everyone = processes(state)
    down = command("down", "--data", str(folder.path))
    assert (down.returncode, down.stderr) == (0, "")
    assert "5 processes ended, none is left" in down.stdout
    assert none_lives(everyone)
    again = command("down", "--data", str(folder.path))
    assert (again.returncode, again.stdout) == (0, "Diptych was not running.\n")


def test_status_shows_each_part_and_what_readyz_says(folder: DataFolder) -> None:
    bring_up(folder, ready_plan(), "--detach").communicate(timeout=30)
    status = command("status", "--data", str(folder.path))
    assert status.returncode == 0
    for name in ("parent", "sleeper", "orchestrator"):
        assert re.search(rf"{name}\W+running\W+\d+\W+\d+ s\W+0\W+\d+ MiB", status.stdout), status.stdout
    assert re.search(r"orchestrator.*MiB\W+yes", status.stdout)
    assert re.search(r"ledger\W+yes", status.stdout)
    assert "ledger: SQLite\n" in status.stdout


def test_status_of_nothing_says_so_and_exits_with_3(folder: DataFolder) -> None:
    status = command("status", "--data", str(folder.path))
    assert (status.returncode, status.stdout) == (3, "Diptych is not running. Start it with ./diptych up\n")


def test_up_gives_up_on_a_part_that_keeps_crashing_and_shows_its_last_lines(folder: DataFolder) -> None:
    said, _ = (
        program := bring_up(folder, plan(part("sleeper", SLEEPER), part("vlm", CRASHER)), "--detach")
    ).communicate(timeout=30)
    assert program.returncode == 1
    assert "vlm ended 3 times (exit code 4)" in said
    assert "[bold]no such model folder[/bold]" in said
    assert not is_locked(folder)
    assert not folder.state.exists()


def test_a_second_up_says_where_the_first_one_is(folder: DataFolder) -> None:
    bring_up(folder, ready_plan(), "--detach").communicate(timeout=30)
    state = State.read(folder)
    assert state is not None
    second = command("up", "--detach", "--data", str(folder.path))
    assert second.returncode == 0
    assert f"Diptych is already running at {state.address}" in second.stdout
    assert State.read(folder) == state


def test_a_taken_port_is_told_with_what_to_do(folder: DataFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        up = command("up", "--detach", "--data", str(folder.path), "--port", str(port))
    assert up.returncode == 1
    assert f"Port {port} is taken by another program" in up.stdout
    assert f"./diptych up --port {port + 1}" in up.stdout
    assert not is_locked(folder)


def test_a_stale_state_file_is_nobodys_system(folder: DataFolder) -> None:
    innocent = subprocess.Popen([python("x")[0], "-c", SLEEPER], start_new_session=True)
    try:
        folder.path.mkdir()
        ours = ProcessId.of(innocent.pid)
        of_another_time = ProcessId(pid=ours.pid, created=ours.created - 3600)
        State(address="http://127.0.0.1:1", supervisor=of_another_time).write(folder)
        assert command("status", "--data", str(folder.path)).returncode == 3
        assert command("down", "--data", str(folder.path)).stdout == "Diptych was not running.\n"
        assert innocent.poll() is None
        assert not folder.state.exists()
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": 1}', '{"parts": [{"name": "x"}]}'])
def test_an_unreadable_state_file_reads_as_none(folder: DataFolder, content: str) -> None:
    folder.path.mkdir()
    folder.state.write_text(content)
    assert State.read(folder) is None
