"""`python -m tests.faults.orchestrator_kills --kills 50`: SIGKILL of the orchestrator in mid-turn, again and again.

Everything is real but the VLM's model and the painter's. Clients follow responses of text, and of text, picture and
function call, and take their streams up where they broke off. Counted is what did not complete, came out of order, was
shown twice, or differs from a replay.
"""

import argparse
import random
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from bench.report import publish
from tests.faults.house import House, wait_for
from tests.faults.responding import MIXED, TEXT, Followed, faults_of, follow, responding_house

BODIES: tuple[Mapping[str, Any], ...] = (MIXED, TEXT)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def harm(house: House, url: str, *, kills: int, at_once: int, seed: int) -> dict[str, Any]:
    """Kill the orchestrator so often while so many clients ask, and count what became of their responses."""
    killed, over, seen = 0, threading.Event(), list[Followed]()
    chance = random.Random(seed)

    def ask(number: int) -> None:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            while not over.is_set():
                seen.append(follow(client, dict(BODIES[number % len(BODIES)])))

    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        wait_for(lambda: answers(client), why=house.logs)
        with ThreadPoolExecutor(at_once) as pool:
            asking = [pool.submit(ask, number) for number in range(at_once)]
            while killed < kills:
                time.sleep(chance.uniform(0.5, 3.0))
                killed += house.signal("orchestrator") is not None
                wait_for(lambda: answers(client), why=house.logs)
            over.set()
        for each in asking:
            each.result()
        replays = {
            one.id: client.get(f"/v1/responses/{one.id}", params={"stream": "true"}).text for one in seen if one.id
        }
    faults = [fault for one in seen if one.id for fault in faults_of(one, replays[one.id])]
    begun = [one for one in seen if one.id]
    return {
        "kills": killed,
        "responses": len(begun),
        "completed": sum(one.ended and one.events[-1]["type"] == "response.completed" for one in begun),
        "breaks": sum(one.breaks for one in begun),
        "events": sum(len(one.events) for one in begun),
        "faults": faults,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="diptych-kills-") as folder:
        house, url = responding_house(Path(folder))
        with house:
            counted = harm(house, url, kills=options.kills, at_once=options.at_once, seed=options.seed)
    for fault in counted["faults"]:
        print(fault)  # noqa: T201
    figures = counted | {"faults": len(counted["faults"]), "seed": options.seed}
    publish("orchestrator_kills", figures, [{"what": name, "count": value} for name, value in figures.items()])


if __name__ == "__main__":
    main()
