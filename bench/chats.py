"""`python -m bench.chats`: two hundred people who chat, each with a picture in every answer, on one machine.

Everything is real but the models: a VLM's server that calls the painter at once and then says a sentence
(`stamping_vlm --paints`), and a painter of a millisecond (`quick_worker`). Each person asks, reads the answer, pauses
for some seconds and asks again. Measured from the request's first byte: until the job stands in the ledger (its
`job_queued` arrived), and until the answer's first byte. Then more than may be answered at a time ask at once:
what is beyond the bound must be a 429.
"""

import argparse
import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvloop

from bench.own_system import quick_system, stamping_vlm
from bench.report import publish

SERVICE_S = 0.001
SUBMIT_MS, FIRST_BYTE_MS = 150.0, 300.0
BODY = {
    "model": "diptych",
    "stream": True,
    "diptych": {},
    "messages": [{"role": "user", "content": "draw a cat"}],
}


@dataclass
class Measured:
    submitted_ms: list[float] = field(default_factory=list)
    first_byte_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry_after: int = 0
    broken: int = 0


async def chat(address: str, measured: Measured) -> None:
    """Ask once, over a connection of its own, and read the stream to its end."""
    where, body = urlsplit(address), json.dumps(BODY).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        headers = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(headers.split(" ", 2)[1])
        measured.statuses[status] += 1
        if status != 200:
            measured.without_retry_after += "retry-after" not in headers.lower()
            return
        first, submitted, ended = True, False, False
        while line := await reader.readline():
            if first and line.startswith(b"data:"):
                measured.first_byte_ms.append((time.monotonic() - began) * 1000)
                first = False
            if not submitted and b'"job_queued"' in line:
                submitted = True
                measured.submitted_ms.append((time.monotonic() - began) * 1000)
            ended = ended or b"[DONE]" in line
        measured.whole_ms.append((time.monotonic() - began) * 1000)
        measured.broken += not ended
    finally:
        writer.close()


async def people(address: str, count: int, seconds: float, pause_s: float) -> Measured:
    """So many, for so long. They begin one after the other."""
    measured, chance = Measured(), random.Random(1)
    until = time.monotonic() + seconds

    async def one() -> None:
        await asyncio.sleep(chance.uniform(0, pause_s))
        while time.monotonic() < until:
            await chat(address, measured)
            await asyncio.sleep(chance.uniform(0.5, 1.5) * pause_s)

    await asyncio.gather(*(one() for _ in range(count)))
    return measured


async def crowd(address: str, count: int) -> Measured:
    """So many at once."""
    measured = Measured()
    await asyncio.gather(*(chat(address, measured) for _ in range(count)))
    return measured


def row(name: str, values: list[float]) -> dict[str, Any]:
    p50, p99 = (round(float(value), 1) for value in np.percentile(values, (50, 99)))
    return {"until": name, "count": len(values), "p50 ms": p50, "p99 ms": p99, "max ms": round(max(values), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, default=200)
    parser.add_argument("--pause-s", type=float, default=5.0, help="between answer and next question")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--max-turns", type=int, default=256)
    parser.add_argument("--beyond", type=int, default=800, help="chats at once that go beyond the bound")
    options = parser.parse_args()
    bound = {"DIPTYCH_MAX_TURNS": str(options.max_turns)}
    with (
        stamping_vlm("--think-s", "0", "--paints") as vlm_url,
        quick_system(vlm_url, job_s=SERVICE_S, environment=bound) as system,
    ):
        measured = uvloop.run(people(system.address, options.chats, options.seconds, options.pause_s))
        beyond = uvloop.run(crowd(system.address, options.beyond))
    rows = [
        row("submitted", measured.submitted_ms),
        row("first byte", measured.first_byte_ms),
        row("the end", measured.whole_ms),
    ]
    figures = {
        "chats": options.chats,
        "answers": len(measured.whole_ms),
        "answers_per_s": round(len(measured.whole_ms) / options.seconds, 1),
        "submit_p99_ms": rows[0]["p99 ms"],
        "first_byte_p99_ms": rows[1]["p99 ms"],
        "target_submit_p99_ms": SUBMIT_MS,
        "target_first_byte_p99_ms": FIRST_BYTE_MS,
        "statuses": {str(status): count for status, count in sorted(measured.statuses.items())},
        "broken": measured.broken + beyond.broken,
        "beyond": options.beyond,
        "beyond_statuses": {str(status): count for status, count in sorted(beyond.statuses.items())},
        "refused_without_retry_after": beyond.without_retry_after,
        "within_target": rows[0]["p99 ms"] < SUBMIT_MS and rows[1]["p99 ms"] < FIRST_BYTE_MS,
    }
    publish("chats", figures, rows)


if __name__ == "__main__":
    main()
