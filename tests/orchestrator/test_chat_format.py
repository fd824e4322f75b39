"""Streams of long turns: comments keep the connection, and a turn goes on without anybody listening."""

import asyncio

from orchestrator.api import sse
from orchestrator.api.chat_format import ChatForm, chunks, frames
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.turns import TurnRunner
from shared.events import TextDelta, TurnCompleted, Usage


def turn_of(runner, gate, done):
    async def events():
        yield TextDelta(text="first")
        await gate.wait()
        yield TextDelta(text="second")
        done.set()
        yield TurnCompleted(usage=Usage())

    return runner.start(events())


async def test_long_pauses_are_filled_with_comments(monkeypatch):
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", 0.01)
    runner, gate, done = TurnRunner(OrchestratorMetrics().turns), asyncio.Event(), asyncio.Event()
    rest = chunks([turn_of(runner, gate, done)], ChatForm())
    seen = []
    async for frame in sse.with_pauses(frames(asyncio.ensure_future(anext(rest)), rest)):
        seen.append(frame)
        if frame.startswith(b": "):
            gate.set()
    assert b"first" in seen[0]
    assert seen[1].startswith(b": ")
    assert any(b"second" in frame for frame in seen)
    assert seen[-1] == b"data: [DONE]\n\n"
    await runner.close()


async def test_a_turn_goes_on_when_its_client_leaves_and_can_be_followed_from_the_start():
    runner, gate, done = TurnRunner(OrchestratorMetrics().turns), asyncio.Event(), asyncio.Event()
    turn = turn_of(runner, gate, done)
    leaving = chunks([turn], ChatForm())
    assert b"first" in await anext(leaving)
    await leaving.aclose()
    gate.set()
    await asyncio.wait_for(done.wait(), 5)
    again = [event.type async for event in turn.events.follow()]
    assert again == ["text_delta", "text_delta", "turn_completed"]
    await runner.close()
