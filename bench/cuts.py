"""`python -m bench.cuts`: 200 streams of responses cut at any byte, each completed by `starting_after`.

The complete frames before the cut and all that follows it must equal, byte for byte, a replay of the same response from
its start. Each response has text, a picture with partial images as the real painter forms it, more text and a call of a
client's function; only the VLM is a stand-in (`stamping_vlm`), so that every response has all of them. Cuts are behind
the first frame: before it a client knows no id that it could go on from.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from bench.own_system import own_system, stamping_vlm
from bench.report import publish

FUNCTION = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
BODY: dict[str, Any] = {
    "model": "diptych",
    "input": "draw an orange cat, and what is the weather in Oslo?",
    "stream": True,
    "tools": [{"type": "image_generation", "partial_images": 3}, FUNCTION],
    "diptych": {"steps": 6},
}
EXPECTED = {
    "response.output_text.delta",
    "response.image_generation_call.partial_image",
    "response.image_generation_call.completed",
    "response.function_call_arguments.done",
    "response.completed",
}
END, DONE = b"\n\n", b"data: [DONE]"
AT_A_TIME = 3


@dataclass(frozen=True)
class Cut:
    """What came of one stream that was cut."""

    at: int
    """Bytes that the client took."""
    frames_before: int
    frames_after: int
    whole: bool
    """Whether both together are the replay, with its end."""
    kinds: frozenset[str]
    """The types of all events of the replay."""


def cut_one(address: str, at: int) -> Cut:
    """Ask, leave after that many bytes (but not before the first frame is whole), and go on."""
    taken = b""
    with httpx.stream("POST", f"{address}/v1/responses", json=BODY, timeout=120) as live:
        for piece in live.raise_for_status().iter_raw():
            taken += piece
            if len(taken) >= at and END in taken:
                break
    taken = taken[: max(at, taken.index(END) + len(END))]
    before = list(frames(taken))
    events = [event_of(frame) for frame in before if frame != DONE]
    response_id, last = events[0]["response"]["id"], events[-1]["sequence_number"]
    after = list(frames(_follow(address, response_id, last)))
    replay = list(frames(_follow(address, response_id, -1)))
    kinds = frozenset(event_of(frame)["type"] for frame in replay if frame != DONE)
    seen = [frame for frame in before if frame != DONE] + after
    return Cut(len(taken), len(before), len(after), seen == replay and replay[-1] == DONE, kinds)


def frames(data: bytes) -> Iterator[bytes]:
    """The complete frames, without comments."""
    for frame in data.split(END)[:-1]:
        if not frame.startswith(b":"):
            yield frame


def event_of(frame: bytes) -> dict[str, Any]:
    return json.loads(frame.partition(b"data: ")[2])


def run(address: str, count: int, first_seed: int = 0) -> list[Cut]:
    """Cuts at bytes drawn evenly from the length of a whole stream. The same seed cuts at the same shares of it."""
    length = cut_one(address, sys.maxsize).at
    dice = random.Random(first_seed)
    places = [dice.randrange(1, length) for _ in range(count)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda at: cut_one(address, at), places))


def _follow(address: str, response_id: str, after: int) -> bytes:
    params = {"stream": "true", "starting_after": after}
    answer = httpx.get(f"{address}/v1/responses/{response_id}", params=params, timeout=120)
    return answer.raise_for_status().content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with stamping_vlm() as vlm_url, own_system(vlm_url) as address:
        cuts = run(address, options.cuts, options.seed)
    figures = {
        "cuts": len(cuts),
        "whole_byte_for_byte": sum(cut.whole for cut in cuts),
        "with_text_picture_and_call": sum(cut.kinds >= EXPECTED for cut in cuts),
        "earliest_byte": min(cut.at for cut in cuts),
        "latest_byte": max(cut.at for cut in cuts),
        "in_mid_stream": sum(cut.frames_after > 1 for cut in cuts),
    }
    publish("cuts", figures, [{"what": name, "figure": figure} for name, figure in figures.items()])
    if not all(cut.whole and cut.kinds >= EXPECTED for cut in cuts):
        sys.exit("not every stream could be completed")


if __name__ == "__main__":
    main()
