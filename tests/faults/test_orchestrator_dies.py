"""An orchestrator that dies in mid-turn: the response is gone on with, its stream is taken up, nothing shown twice."""

import httpx
import pytest

from tests.faults.house import wait_for
from tests.faults.orchestrator_kills import answers, harm
from tests.faults.responding import MIXED, TEXT, faults_of, follow, responding_house

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
IN_TURNS = ("checkpoint.written", "checkpoint.committed")
KILLS = 8


def test_of_responses_under_kills_each_completes_and_each_stream_is_taken_up(tmp_path):
    house, url = responding_house(tmp_path)
    with house:
        counted = harm(house, url, kills=KILLS, at_once=4, seed=1)
    assert counted["kills"] == KILLS
    assert counted["faults"] == []
    assert counted["completed"] == counted["responses"] >= 4
    assert counted["breaks"] > 0


@pytest.fixture(scope="module")
def armed(tmp_path_factory):
    """A house whose orchestrator dies at a failpoint once its file is there; its address; the folder of the files."""
    folder = tmp_path_factory.mktemp("in_turns")
    failpoints = ",".join(f"{name}:{folder / name}" for name in IN_TURNS)
    house, url = responding_house(folder, environment={"DIPTYCH_FAILPOINT": failpoints})
    with house:
        yield house, url, folder


@pytest.mark.parametrize("name", IN_TURNS)
def test_an_orchestrator_that_dies_at_a_step_loses_nothing(armed, name):
    house, url, folder = armed
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        wait_for(lambda: answers(client), why=house.logs)
        (folder / name).touch()
        for body in (MIXED, TEXT):
            seen = follow(client, body)
            replay = client.get(f"/v1/responses/{seen.id}", params={"stream": "true"}).text
            assert faults_of(seen, replay) == [], house.logs()
        assert not (folder / name).exists()
