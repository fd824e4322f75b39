"""`Idempotency-Key` and `X-Request-ID`, over HTTP in process."""

import asyncio
import json

import pytest

from orchestrator.api import idempotency as middleware
from orchestrator.vlm.client import VlmText
from orchestrator.vlm.scripted import ScriptedVlm
from shared.errors import Overloaded, VlmUnavailable, WorkerUnavailable
from tests.conftest import png

KEY = {"Idempotency-Key": "a-key"}
BODY = {"model": "diptych", "messages": [{"role": "user", "content": "hello"}]}
CHAT = "/v1/chat/completions"


def answers(*texts):
    return [[VlmText(text=text)] for text in texts]


class WaitingVlm(ScriptedVlm):
    """Answers once it is let go."""

    def __init__(self, script):
        super().__init__(script)
        self.let_go = asyncio.Event()
        self.reached = asyncio.Event()

    async def answer(self, messages, offer, sampling):
        self.reached.set()
        await self.let_go.wait()
        async for event in super().answer(messages, offer, sampling):
            yield event


@pytest.mark.parametrize("stream", [False, True])
async def test_a_repeat_gets_the_first_answer_byte_for_byte_and_nothing_runs_again(client_for, stream):
    async with client_for(*answers("one", "two")) as client:
        first, second = [await client.post(CHAT, json=BODY | {"stream": stream}, headers=KEY) for _ in range(2)]
        assert len(client.vlm.asked) == 1
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_without_a_key_and_with_another_key_a_request_runs(client_for):
    async with client_for(*answers("one", "two", "three")) as client:
        for headers in ({}, KEY, {"Idempotency-Key": "b"}):
            assert (await client.post(CHAT, json=BODY, headers=headers)).status_code == 200
        assert len(client.vlm.asked) == 3


async def test_the_key_with_another_body_or_at_another_address_is_refused(client_for):
    async with client_for(*answers("one")) as client:
        await client.post(CHAT, json=BODY, headers=KEY)
        for address, body in ((CHAT, BODY | {"seed": 1}), ("/v1/jobs/x/cancel", BODY)):
            refused = await client.post(address, json=body, headers=KEY)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_key_reused")


async def test_a_repeat_of_a_request_that_still_runs_is_refused_for_now(make_services, client_for):
    vlm = WaitingVlm(answers("one"))
    async with client_for(services=make_services(vlm)) as client:
        first = asyncio.create_task(client.post(CHAT, json=BODY, headers=KEY))
        await asyncio.wait_for(vlm.reached.wait(), 10)
        refused = await client.post(CHAT, json=BODY, headers=KEY)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        assert refused.headers["retry-after"] == "1"
        vlm.let_go.set()
        assert (await client.post(CHAT, json=BODY, headers=KEY)).content in ((await first).content, refused.content)
        assert (await client.post(CHAT, json=BODY, headers=KEY)).content == (await first).content


async def test_a_request_that_failed_may_be_tried_again_with_its_key(client_for):
    async with client_for([VlmUnavailable("gone")], *answers("one")) as client:
        assert (await client.post(CHAT, json=BODY, headers=KEY)).status_code == 502
        assert (await client.post(CHAT, json=BODY, headers=KEY)).status_code == 200


async def test_a_fault_of_our_own_frees_the_key_and_has_a_request_id(client_for):
    async with client_for(*answers("one")) as client:
        whole, client.vlm.answer = client.vlm.answer, None
        fault = await client.post(CHAT, json=BODY, headers=KEY | {"X-Request-ID": "mine"})
        assert (fault.status_code, fault.headers["x-request-id"]) == (500, "mine")
        client.vlm.answer = whole
        assert (await client.post(CHAT, json=BODY, headers=KEY)).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_left_in_mid_answer_gets_the_whole_one_when_it_comes_back(
    client_for, make_services, stream
):
    made = make_services(ScriptedVlm([[VlmText(text="one "), VlmText(text="two")]]))
    async with client_for(services=made) as client:
        body = json.dumps(BODY | {"stream": stream}).encode()
        await leave_early(client.app, body)
        back = await client.post(CHAT, content=body, headers=KEY | {"content-type": "application/json"})
        assert back.headers["idempotent-replayed"] == "true"
        assert "two" in back.text
        assert len(client.vlm.asked) == 1


async def leave_early(app, body):
    """A request whose connection breaks at the first byte of its answer."""
    sent = False

    async def receive():
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message):
        raise OSError

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"idempotency-key", b"a-key")]
    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1"}
    scope |= {"method": "POST", "path": CHAT, "raw_path": CHAT.encode(), "query_string": b"", "root_path": ""}
    await app(scope | {"scheme": "http", "headers": headers}, receive, send)


async def test_a_form_sent_again_is_the_same_request_whatever_its_boundary(client_for):
    async with client_for() as client:
        made = []
        for boundary in ("one", "two"):
            headers = KEY | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            upload = {"files": {"file": ("a.png", png())}, "data": {"purpose": "vision"}}
            made.append((await client.post("/v1/files", headers=headers, **upload)).json()["id"])
        assert made[0] == made[1]
        assert len((await client.get("/v1/files")).json()["data"]) == 1


async def test_an_answer_too_large_to_keep_is_not_made_twice(client_for, monkeypatch):
    monkeypatch.setattr(middleware, "MAX_KEPT", 10)
    async with client_for(*answers("one", "two")) as client:
        assert (await client.post(CHAT, json=BODY, headers=KEY)).status_code == 200
        refused = await client.post(CHAT, json=BODY, headers=KEY)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotent_answer_not_kept")
        assert len(client.vlm.asked) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\u00e9"])
async def test_a_key_that_is_none_is_refused(client_for, key):
    async with client_for() as client:
        refused = await client.post(CHAT, json=BODY, headers=[("Idempotency-Key", key.encode())])
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_idempotency_key")


async def test_bodies_are_bounded_and_keys_needed_with_an_idempotency_key_too(client_for):
    async with client_for(max_body_mb=1, api_key="k") as client:
        for content in (b"x" * 2_000_000, chunks()):
            huge = await client.post(CHAT, content=content, headers=KEY | {"authorization": "Bearer k"})
            assert (huge.status_code, huge.json()["error"]["code"]) == (413, "request_too_large")
        assert (await client.post(CHAT, json=BODY, headers=KEY)).status_code == 401


async def chunks():
    for _ in range(20):
        yield b"x" * 100_000


async def test_every_answer_has_a_request_id_the_clients_own_where_it_is_sane(client_for):
    async with client_for() as client:
        for address, headers, status in (
            ("/v1/models", {}, 200),
            ("/v1/nothing", {}, 404),
            ("/v1/models", {"host": "evil.example"}, 400),
        ):
            own = await client.get(address, headers=headers | {"X-Request-ID": "turn-7:a.b_c"})
            assert (own.status_code, own.headers["x-request-id"]) == (status, "turn-7:a.b_c")
            for odd in ("", "a b", "x" * 129, "<script>"):
                made = await client.get(address, headers=headers | {"X-Request-ID": odd})
                assert made.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(("error", "status"), [(Overloaded("full"), 429), (WorkerUnavailable("none"), 503)])
async def test_what_may_be_asked_again_says_when(client_for, error, status):
    async with client_for([error]) as client:
        response = await client.post(CHAT, json=BODY)
    assert response.status_code == status
    assert int(response.headers["retry-after"]) > 0
