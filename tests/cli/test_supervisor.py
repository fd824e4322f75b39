"""The supervisor with real processes: what it keeps alive, and what it leaves behind (nothing)."""

import itertools
import shutil
import signal
from collections.abc import Callable

from cli.folders import DataFolder
from cli.launch import launch
from cli.plan import Part, Plan
from cli.ports import free_port
from cli.state import PartState, State, is_locked, tail, wait_unlocked
from cli.stop import group_members, stop
from cli.supervisor import EXIT_HELD
from tests.cli.processes import (
    CRASHER,
    DEAF,
    PARENT,
    READY_SERVER,
    SLEEPER,
    Running,
    none_lives,
    part,
    plan,
    wait_for,
)

Start = Callable[[Plan], Running]


def test_a_killed_part_is_started_again_and_the_reason_is_told(start: Start) -> None:
    system = start(plan(part("sleeper", SLEEPER)))
    first = system.process("sleeper")
    first.kill()
    second = system.process("sleeper", restarts=1)
    report = system.part("sleeper")
    assert second.pid != first.pid
    assert report is not None
    assert (report.state, report.restarts, report.last_exit) == (PartState.RUNNING, 1, "signal SIGKILL")


def test_only_the_dead_part_is_started_again(start: Start) -> None:
    system = start(plan(part("one", SLEEPER), part("two", SLEEPER)))
    other = system.process("two")
    system.process("one").kill()
    system.process("one", restarts=1)
    assert system.process("two") == other


def test_pauses_grow_while_a_part_keeps_dying(start: Start, folder: DataFolder) -> None:
    stamp = "import time; print(time.monotonic(), flush=True); raise SystemExit(4)"
    system = start(plan(part("crasher", stamp), longest_pause_s=0.4))
    wait_for(lambda: (report := system.part("crasher")) and report.restarts >= 4)
    starts = [float(line) for line in tail(folder.log("crasher")).splitlines()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(pause >= least for pause, least in zip(pauses, [0.1, 0.2, 0.4, 0.4], strict=False))


def test_a_part_that_lived_long_enough_starts_over_with_the_first_pause(start: Start) -> None:
    system = start(plan(part("sleeper", SLEEPER), stable_after_s=0.0))
    system.process("sleeper").kill()
    system.process("sleeper", restarts=1).kill()
    system.process("sleeper", restarts=2).kill()
    system.process("sleeper", restarts=3)
    report = system.part("sleeper")
    assert report is not None
    assert report.deaths_in_a_row <= 1


def test_a_command_that_does_not_exist_is_a_death_with_a_reason(start: Start, folder: DataFolder) -> None:
    system = start(plan(Part("missing", (str(folder.path / "no-such-program"),))))
    report = wait_for(lambda: (it := system.part("missing")) and it.deaths_in_a_row >= 2 and it)
    assert "No such file" in report.last_exit
    assert "cannot start" in tail(folder.log("missing"))


def test_what_a_dead_part_had_started_is_killed_too(start: Start) -> None:
    system = start(plan(part("parent", PARENT)))
    system.all_processes(3)
    report = system.part("parent")
    assert report is not None
    assert report.identity is not None
    family = group_members(report.identity)
    system.process("parent").kill()
    system.process("parent", restarts=1)
    assert none_lives(family)


def test_sigterm_ends_every_process_and_grandchild(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT), part("sleeper", SLEEPER)))
    everyone = system.all_processes(4)
    assert system.end() == 0
    assert none_lives(everyone)
    assert not folder.state.exists()
    assert wait_unlocked(folder, 5)


def test_a_part_deaf_to_sigterm_is_killed_after_the_bounded_wait(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("deaf", DEAF), stop_within_s=0.3))
    deaf = system.process("deaf")
    wait_for(lambda: "deaf" in tail(folder.log("deaf")))
    assert system.end() == 0
    assert none_lives([deaf])


def test_a_foundation_listens_before_the_others_start_and_ends_after_them(start: Start, folder: DataFolder) -> None:
    port = free_port()
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port})); print('met', flush=True); {SLEEPER}"
    slow = f"import time; time.sleep(0.5)\n{READY_SERVER}"
    foundation = part("base", slow, str(port), port=port, foundation=True)
    system = start(plan(foundation, part("guest", connect)))
    wait_for(lambda: "met" in tail(folder.log("guest")))
    report = system.part("guest")
    assert report is not None
    assert report.restarts == 0


def test_nothing_stays_when_the_supervisor_itself_is_killed(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT), part("sleeper", SLEEPER)))
    everyone = system.all_processes(4)
    system.supervisor.kill()
    system.supervisor.wait(5)
    assert wait_unlocked(folder, 10)
    assert none_lives(everyone)
    assert not folder.state.exists()


def test_a_killed_guard_is_replaced_and_the_next_one_sweeps(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT)))
    everyone = system.all_processes(3)
    supervisor = next(process for process in everyone if process.pid == system.supervisor.pid)

    def guard() -> object:
        known = {system.process("parent").pid}
        return next((child for child in supervisor.children() if child.pid not in known), None)

    first = wait_for(guard)
    first.kill()
    wait_for(lambda: (second := guard()) and second != first)
    system.supervisor.kill()
    system.supervisor.wait(5)
    assert wait_unlocked(folder, 10)
    assert none_lives(everyone)


def test_a_part_that_died_just_before_the_stop_does_not_disturb_it(start: Start) -> None:
    system = start(plan(part("parent", PARENT), part("sleeper", SLEEPER)))
    everyone = system.all_processes(4)
    system.supervisor.send_signal(signal.SIGSTOP)  # both come while it cannot look
    system.process("sleeper").kill()
    system.supervisor.send_signal(signal.SIGTERM)
    system.supervisor.send_signal(signal.SIGCONT)
    assert system.supervisor.wait(20) == 0
    assert none_lives(everyone)


def test_a_supervisor_whose_data_folder_was_removed_stops_everything(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT), part("sleeper", SLEEPER)))
    everyone = system.all_processes(4)
    shutil.rmtree(folder.path)
    everyone[-1].kill()  # something wakes it
    assert system.supervisor.wait(20) == 0
    assert none_lives(everyone)


def test_a_second_supervisor_on_the_same_data_ends_at_once(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("sleeper", SLEEPER)))
    sleeper = system.process("sleeper")
    second = launch(plan(part("other", SLEEPER)), folder, detach=False)
    assert second.wait(10) == EXIT_HELD
    assert sleeper.is_running()
    assert is_locked(folder)


def test_a_crashing_part_does_not_end_the_supervisor(start: Start) -> None:
    system = start(plan(part("crasher", CRASHER), part("sleeper", SLEEPER)))
    wait_for(lambda: (report := system.part("crasher")) and report.restarts >= 2)
    assert system.supervisor.poll() is None
    assert system.process("sleeper").is_running()


def test_signals_reach_the_parts_unblocked(start: Start, folder: DataFolder) -> None:
    shows = (
        "import signal; print('mask', sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())), flush=True); signal.pause()"
    )
    start(plan(part("shows", shows)))
    assert wait_for(lambda: tail(folder.log("shows"))) == "mask []"


def test_down_stops_by_the_state_file_and_counts(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT)))
    everyone = system.all_processes(3)
    assert stop(folder) == 3
    assert system.supervisor.wait(5) == 0
    assert none_lives(everyone)
    assert stop(folder) is None


def test_down_after_supervisor_and_guard_were_both_killed_still_sweeps(start: Start, folder: DataFolder) -> None:
    system = start(plan(part("parent", PARENT)))
    everyone = system.all_processes(3)
    state = State.read(folder)
    supervisor = next(process for process in everyone if process.pid == system.supervisor.pid)
    guard = next(child for child in supervisor.children() if child.pid != system.process("parent").pid)
    guard.suspend()  # it can then neither sweep nor be replaced before the supervisor is gone
    system.supervisor.kill()
    system.supervisor.wait(5)
    guard.send_signal(signal.SIGKILL)
    guard.wait(5)
    assert state is not None
    stop(folder)
    assert none_lives(everyone)
