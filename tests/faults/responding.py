"""Responses of a house with a VLM, an orchestrator and painters, asked for and followed as a patient client does it:
where a stream breaks off it is taken up again behind the last event that came whole.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from cli.child import python
from cli.plan import Part
from cli.ports import free_port
from tests.faults.house import House, orchestrator

PAINT = {"type": "image_generation", "partial_images": 1}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
MIXED = {"input": "paint, then ask", "tools": [PAINT, FUNCTION]}
"""Says something, paints, says something more, calls a function."""
TEXT = {"input": "count"}
FINAL = ("response.completed", "response.failed", "response.incomplete")
PATIENCE_S = 90.0


def responding_house(folder: Path, *, tokens: int = 30, rate: float = 20.0, **settings: Any) -> tuple[House, str]:
    """A house that answers, and its address."""
    port, vlm_port = free_port(), free_port()
    options = ("--port", str(vlm_port), "--think-s", "0.05", "--tokens", str(tokens), "--rate", str(rate))

    def more(common: Any) -> list[Part]:
        vlm = Part("vlm", python("bench.stamping_vlm", *options), common, vlm_port)
        return [vlm, orchestrator(common, port, f"http://127.0.0.1:{vlm_port}/v1")]

    return House(folder, workers=1, more=more, **settings), f"http://127.0.0.1:{port}"


@dataclass
class Followed:
    """One response as its client saw it."""

    frames: str = ""
    """Whole frames, in the order in which they came."""
    events: list[dict[str, Any]] = field(default_factory=list)
    breaks: int = 0
    refusals: int = 0

    @property
    def id(self) -> str | None:
        return self.events[0]["response"]["id"] if self.events else None

    @property
    def ended(self) -> bool:
        return bool(self.events) and self.events[-1]["type"] in FINAL

    @property
    def output(self) -> list[dict[str, Any]]:
        return self.events[-1]["response"]["output"]

    def take(self, text: str) -> str:
        """Keep the whole frames of a text; returns what is left of it."""
        whole, _, rest = text.rpartition("\n\n")
        for frame in whole.split("\n\n") if whole else []:
            self.frames += frame + "\n\n"
            if (data := frame.partition("data: ")[2]).startswith("{"):
                self.events.append(json.loads(data))
        return rest


def follow(client: httpx.Client, body: dict[str, Any], stop: Callable[[], bool] = lambda: False) -> Followed:
    """Ask once, and follow to the end, however often the stream breaks off."""
    seen, until = Followed(), time.monotonic() + PATIENCE_S
    while not seen.ended and time.monotonic() < until and not stop():
        before = len(seen.events)
        with contextlib.suppress(httpx.TransportError):
            _read_on(client, body, seen)
        if not seen.ended:
            seen.breaks += len(seen.events) > before
            time.sleep(0.05)
    return seen


def _read_on(client: httpx.Client, body: dict[str, Any], seen: Followed) -> None:
    if seen.id is None:
        asked = client.stream("POST", "/v1/responses", json={"model": "diptych", "stream": True} | body)
    else:
        after = seen.events[-1]["sequence_number"]
        asked = client.stream("GET", f"/v1/responses/{seen.id}", params={"stream": "true", "starting_after": after})
    with asked as response:
        if response.status_code != 200:
            seen.refusals += 1
            return
        rest = ""
        for text in response.iter_text():
            rest = seen.take(rest + text)


def faults_of(seen: Followed, replay: str) -> list[str]:
    """What is wrong with a response that was followed; `replay`: its stream once more, from the start."""
    if not seen.ended or seen.events[-1]["type"] != "response.completed":
        return [f"did not complete: {seen.events[-1:] or 'nothing came'}"]
    found = []
    numbers = [event["sequence_number"] for event in seen.events]
    if numbers != list(range(len(numbers))):
        found.append("numbers are not in order")
    if seen.frames != replay:
        found.append("what was seen is not what is replayed")
    kinds = [item["type"] for item in seen.output]
    for kind in ("image_generation_call", "function_call"):
        if kinds.count(kind) > 1:
            found.append(f"{kind} shown twice")
    if "function_call" in kinds and "image_generation_call" not in kinds:
        found.append("the picture is missing")
    return found
