"""`python -m bench.gateway`: what a turn of text costs on its way through the orchestrator, beside LiteLLM's proxy.

All ask the same VLM's server, which answers at once (`stub_vlm`), one request after another, each way once a round, in
an order drawn anew; what a way adds is its median less that of asking the server directly. Client, server and whatever
stands between are processes of their own with kept connections. One transaction of the ledger is timed in each round.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import numpy as np

from bench.litellm_proxy import litellm_proxy
from bench.own_system import QuickSystem, quick_system, stub_vlm
from bench.raw_client import Connection, post
from bench.report import publish
from bench.transaction import Transaction

TARGET_MS, SHARE = 1.5, 1 / 6
WARM_UP = 30
CHAT: dict[str, Any] = {"model": "diptych", "messages": [{"role": "user", "content": "hello, how are you?"}]}
RESPONSE: dict[str, Any] = {"model": "diptych", "input": "hello, how are you?"}
DIRECT, CHATS, LITELLM = "the VLM's server itself", "chat", "LiteLLM's proxy, chat"
RESPONSES, KEPT, ONE = "response, store: false", "response, store: true", "one ledger transaction"
STREAMED = ", streamed"
Way = Callable[[], float]
"""Does it once; the seconds that it took."""


def way(stack: ExitStack, address: str, path: str, body: Mapping[str, Any], key: str = "none") -> Way:
    """A request over a connection of its own, which is open as long as the stack."""
    connection = stack.enter_context(closing(Connection(address)))
    request = post(address, path, dict(body), key)

    def ask() -> float:
        answer = connection.ask(request)
        if answer.status != 200 or b"asked" not in answer.body:
            raise SystemExit(f"{address}{path} answered {answer.status}: {answer.body[:500]!r}")
        return answer.seconds

    return ask


def chats(stack: ExitStack, name: str, address: str, key: str = "none") -> dict[str, Way]:
    """The same chat, whole and streamed."""
    bodies = {name: CHAT, name + STREAMED: CHAT | {"stream": True}}
    return {name: way(stack, address, "/v1/chat/completions", body, key) for name, body in bodies.items()}


@contextmanager
def all_ways(*, with_litellm: bool) -> Iterator[tuple[dict[str, Way], QuickSystem]]:
    """Everything that is compared, by name, and the system in the middle of it."""
    with ExitStack() as stack:
        vlm_url = stack.enter_context(stub_vlm())
        system = stack.enter_context(quick_system(vlm_url))
        proxy = stack.enter_context(litellm_proxy(vlm_url)) if with_litellm else None
        ways = chats(stack, DIRECT, vlm_url.removesuffix("/v1"))
        ways |= chats(stack, CHATS, system.address)
        for name, store in ((RESPONSES, False), (KEPT, True)):
            ways[name] = way(stack, system.address, "/v1/responses", RESPONSE | {"store": store})
        if proxy is not None:
            ways |= chats(stack, LITELLM, proxy.address, proxy.key)
        ways[ONE] = stack.enter_context(Transaction(system.folder.path)).seconds
        yield ways, system


def measure(ways: Mapping[str, Way], rounds: int, seed: int = 0) -> dict[str, list[float]]:
    """Milliseconds of each way, one a round, behind a warm-up."""
    dice, names = random.Random(seed), list(ways)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(WARM_UP + rounds):
        dice.shuffle(names)
        for name in names:
            ms = ways[name]() * 1e3
            if number >= WARM_UP:
                taken[name].append(ms)
    return taken


def table(taken: Mapping[str, list[float]]) -> list[dict[str, Any]]:
    rows = []
    for name, values in taken.items():
        base = DIRECT + STREAMED if name.endswith(STREAMED) else DIRECT
        p50, p99 = (float(value) for value in np.percentile(values, (50, 99)))
        added = "" if name in (base, ONE) else p50 - float(np.median(taken[base]))
        rows.append({"asked": name, "p50 ms": p50, "p99 ms": p99, "added p50 ms": added})
    return rows


def figures_of(rows: list[dict[str, Any]], rounds: int) -> dict[str, Any]:
    p50 = {row["asked"]: row["p50 ms"] for row in rows}
    added = {row["asked"]: row["added p50 ms"] for row in rows}
    keeping = p50[KEPT] - p50[RESPONSES]
    figures = {
        "rounds": rounds,
        "direct_p50_ms": p50[DIRECT],
        "added_chat_ms": added[CHATS],
        "added_chat_streamed_ms": added[CHATS + STREAMED],
        "added_response_ms": added[RESPONSES],
        "keeping_ms": keeping,
        "transaction_ms": p50[ONE],
        "keeping_in_transactions": keeping / p50[ONE],
        "added_litellm_ms": added.get(LITELLM),
        "share_of_litellm": added[CHATS] / added[LITELLM] if LITELLM in added else None,
    }
    figures = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    share = figures["share_of_litellm"]
    targets = {"target_added_ms": TARGET_MS, "target_share": round(SHARE, 3), "target_keeping_in_transactions": 1}
    within = added[CHATS] <= TARGET_MS and (share is None or share <= SHARE) and keeping <= p50[ONE]
    return figures | targets | {"within_target": within}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    with all_ways(with_litellm=True) as (ways, _):
        if LITELLM not in ways:
            print("LiteLLM is left out: `tests/clients/install litellm` installs it.", file=sys.stderr)
        rows = table(measure(ways, options.rounds))
    publish("gateway", figures_of(rows, options.rounds), rows)


if __name__ == "__main__":
    main()
