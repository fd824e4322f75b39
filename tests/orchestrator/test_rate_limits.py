"""What one key may have answered at a time, what it is told of it, and what happens beyond."""

import asyncio

import pytest

from orchestrator.dispatch import InProcessDispatcher
from orchestrator.records.queues import QueueRecords
from orchestrator.vlm.client import VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from shared.errors import Overloaded
from shared.jobs import Queue

ASK = {"model": "diptych", "messages": [{"role": "user", "content": "hello"}]}
RESPOND = {"model": "diptych", "input": "hello"}
DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
SLOTS = "x-ratelimit-remaining-requests"


class Waiting(ScriptedVlm):
    """Answers when it may."""

    def __init__(self):
        super().__init__([])
        self.asked, self.gate = asyncio.Semaphore(0), asyncio.Event()

    async def answer(self, messages, offer, sampling):
        self.asked.release()
        await self.gate.wait()
        yield VlmText(text="Hi.")


class FullQueue(InProcessDispatcher):
    """Refuses all jobs but the first ones, as a ledger with a bound does."""

    def __init__(self, ledger, work, room):
        super().__init__(ledger, work)
        self._room = room

    async def run(self, job):
        self._room -= 1
        if self._room < 0:
            raise Overloaded("Too many are waiting.")
        async for event in super().run(job):
            yield event


@pytest.fixture
def full(dispatcher, ledger):
    return lambda room=0: FullQueue(ledger, dispatcher._work, room)


async def test_every_answer_tells_how_many_may_be_asked_for_at_a_time(client_for):
    async with client_for([VlmText(text="Hi.")], max_turns=5) as client:
        headers = (await client.post("/v1/chat/completions", json=ASK)).headers
    assert headers["x-ratelimit-limit-requests"] == "5"
    assert (headers[SLOTS], headers["x-ratelimit-reset-requests"]) == ("4", "0s")


async def test_one_request_too_many_is_refused_before_anything_is_done(client_for, make_services):
    vlm = Waiting()
    async with client_for(services=make_services(vlm, max_turns=2)) as client:
        bodies = [("/v1/chat/completions", ASK), ("/v1/responses", RESPOND)]
        running = [asyncio.create_task(client.post(path, json=body)) for path, body in bodies]
        for _ in running:
            await asyncio.wait_for(vlm.asked.acquire(), 5)
        for path, body in (*bodies, ("/v1/images/generations", {"prompt": "a cat"})):
            refused = await client.post(path, json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "overloaded")
            assert (refused.headers[SLOTS], refused.headers["retry-after"]) == ("0", "5")
        vlm.gate.set()
        assert [(await answer).status_code for answer in running] == [200, 200]
        assert (await client.post("/v1/chat/completions", json=ASK)).headers[SLOTS] == "1"


async def test_a_turn_that_goes_on_after_its_request_keeps_the_seat(client_for, make_services):
    vlm = Waiting()
    async with client_for(services=make_services(vlm, max_turns=1)) as client:
        begun = await client.post("/v1/responses", json=RESPOND | {"background": True})
        assert begun.status_code == 200
        assert (await client.post("/v1/responses", json=RESPOND)).status_code == 429
        vlm.gate.set()
        response_id = begun.json()["id"]
        async with asyncio.timeout(5):
            await client.get(f"/v1/responses/{response_id}?stream=true")  # to its end
        assert (await client.post("/v1/responses", json=RESPOND)).status_code == 200


async def test_keys_do_not_take_seats_from_each_other(client_for, make_services):
    vlm = Waiting()
    async with client_for(services=make_services(vlm, max_turns=1, api_key="one, two")) as client:
        one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
        first = asyncio.create_task(client.post("/v1/chat/completions", json=ASK, headers=one))
        await asyncio.wait_for(vlm.asked.acquire(), 5)
        assert (await client.post("/v1/chat/completions", json=ASK, headers=one)).status_code == 429
        vlm.gate.set()
        assert (await client.post("/v1/chat/completions", json=ASK, headers=two)).status_code == 200
        assert (await first).status_code == 200
        assert (await client.post("/v1/chat/completions", json=ASK)).status_code == 401


async def test_keys_see_nothing_of_each_other(client_for):
    async with client_for([VlmText(text="Hi.")], api_key="one,two") as client:
        one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
        made = (await client.post("/v1/responses", json=RESPOND, headers=one)).json()["id"]
        assert (await client.get(f"/v1/responses/{made}", headers=one)).status_code == 200
        assert (await client.get(f"/v1/responses/{made}", headers=two)).status_code == 404


async def test_a_queue_that_is_full_in_mid_turn_is_a_429(client_for, make_services, full):
    services = make_services(ScriptedVlm([[DRAW]] * 3), served_by=full())
    async with client_for(services=services) as client:
        for path, body in (("/v1/chat/completions", ASK), ("/v1/responses", RESPOND)):
            refused = await client.post(path, json=body)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        begun = (await client.post("/v1/responses", json=RESPOND | {"stream": True})).text
    assert '"rate_limit_exceeded"' in begun.partition("event: response.failed")[2]


async def test_pictures_of_which_only_some_fit_are_refused_whole(client_for, make_services, full, engine):
    async with client_for(services=make_services(ScriptedVlm([]), served_by=full(1))) as client:
        refused = await client.post("/v1/images/generations", json={"prompt": "a cat", "n": 3})
    assert refused.status_code == 429
    assert QueueRecords(engine).state(Queue.DIFFUSION).waiting == 0
