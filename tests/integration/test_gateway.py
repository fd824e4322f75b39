"""A short run of `bench.gateway`: the real orchestrator between a client and a VLM's server that answers at once."""

import pytest

from bench.gateway import CHATS, DIRECT, KEPT, LITELLM, ONE, RESPONSES, STREAMED, all_ways, figures_of, measure, table

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
ROUNDS = 5


def test_every_way_to_ask_is_measured_in_every_round():
    with all_ways(with_litellm=False) as (ways, _):
        taken = measure(ways, ROUNDS)
    assert {name: len(values) for name, values in taken.items()} == dict.fromkeys(ways, ROUNDS)
    assert set(ways) == {DIRECT, DIRECT + STREAMED, CHATS, CHATS + STREAMED, RESPONSES, KEPT, ONE}
    rows = table(taken)
    figures = figures_of(rows, ROUNDS)
    assert figures["added_chat_ms"] == pytest.approx(rows[2]["p50 ms"] - rows[0]["p50 ms"], abs=1e-3)
    assert LITELLM not in ways
    assert figures["share_of_litellm"] is None
