"""`GET /metrics`: what it tells of requests, turns, the VLM and the queues, and whom."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError

from orchestrator.api.metrics import OTHER
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.records.queues import QueueRecords
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from orchestrator.vlm.measured import MeasuredVlm
from orchestrator.vlm.scripted import ScriptedVlm
from shared.errors import VlmUnavailable
from shared.events import Usage
from shared.jobs import GenerateImage, new_job

HELLO = {"model": "diptych", "messages": [{"role": "user", "content": "hello"}]}
PAINT = VlmToolCall(call_id="a", name="generate_image", arguments='{"prompt": "a cat"}')


async def told(client):
    """All samples by name and labels."""
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(response.text)
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}


async def test_requests_are_counted_by_the_template_of_their_route(client_for):
    async with client_for() as client:
        for number in range(3):
            await client.get(f"/v1/jobs/job_{number}")
        await client.get("/nothing/here")
        await client.request("BREW", "/v1/models")
        samples = await told(client)
    assert samples["diptych_http_requests_total", "/v1/jobs/{job_id}", "404", "GET"] == 3
    assert samples["diptych_http_request_duration_seconds_count", "/v1/jobs/{job_id}", "GET"] == 3
    assert samples["diptych_http_requests_total", "404", "GET", OTHER] == 1
    assert not [key for key in samples if "BREW" in key or "/nothing/here" in key]


async def test_refusals_of_the_middleware_are_counted_too(client_for):
    async with client_for() as client:
        await client.get("/v1/models", headers={"Host": "evil.example"})
        samples = await told(client)
    assert samples["diptych_http_requests_total", "400", "GET", OTHER] == 1


async def test_turns_and_streams_are_open_until_they_end(client_for):
    gate = asyncio.Event()

    class Slow(ScriptedVlm):
        async def answer(self, *given):
            yield VlmText(text="Well, ")
            await gate.wait()
            yield VlmText(text="hello.")
            yield VlmEnd()

    async with client_for() as client:
        client.app.state.services = replace(client.app.state.services, vlm=Slow([]))
        asking = asyncio.create_task(client.post("/v1/chat/completions", json=HELLO | {"stream": True}))
        async with asyncio.timeout(10):
            during = await told(client)
            while during["diptych_streams_open", "sse"] == 0:
                during = await told(client)
        gate.set()
        await asking
        after = await told(client)
    assert (during["diptych_turns_open",], after["diptych_turns_open",]) == (1, 0)
    assert after["diptych_streams_open", "sse"] == 0
    assert after["diptych_turns_ended_total", "", "completed"] == 1
    assert after["diptych_turn_duration_seconds_count",] == 1


async def test_turns_that_fail_are_counted_by_code(client_for):
    async with client_for([VlmUnavailable("It is gone.")]) as client:
        await client.post("/v1/chat/completions", json=HELLO)
        samples = await told(client)
    assert samples["diptych_turns_ended_total", "failed", "vlm_unavailable"] == 1


async def test_an_answer_that_is_given_again_is_counted(client_for):
    async with client_for([VlmText(text="Hello.")]) as client:
        for _ in range(2):
            await client.post("/v1/chat/completions", json=HELLO, headers={"Idempotency-Key": "k"})
        samples = await told(client)
    assert samples["diptych_idempotent_replays_total",] == 1


async def test_the_vlm_is_measured_from_question_to_end(make_services, client_for):
    metrics = OrchestratorMetrics()
    usage = Usage(prompt_tokens=70, completion_tokens=9, image_tokens=64, cached_tokens=3)
    script = ScriptedVlm([[VlmText(text="Hello."), VlmEnd(usage=usage)], [VlmUnavailable("It is gone.")]])
    services = replace(make_services(MeasuredVlm(script, metrics.vlm)), metrics=metrics)
    async with client_for(services=services) as client:
        for _ in range(2):
            await client.post("/v1/chat/completions", json=HELLO)
        samples = await told(client)
    tokens = {kind: samples["diptych_vlm_tokens_total", kind] for kind in ("prompt", "completion", "image", "cached")}
    assert tokens == {"prompt": 70, "completion": 9, "image": 64, "cached": 3}
    assert samples["diptych_vlm_request_duration_seconds_count",] == 2
    assert samples["diptych_vlm_time_to_first_token_seconds_count",] == 1
    assert samples["diptych_vlm_errors_total", "vlm_unavailable"] == 1
    assert samples["diptych_vlm_requests_open",] == 0


async def test_queues_are_as_the_ledger_has_them_at_that_moment(make_services, client_for, engine, ledger):
    services = make_services(ScriptedVlm([]))
    services.metrics.watch_queues(QueueRecords(engine))
    async with client_for(services=services) as client:
        before = await told(client)
        for _ in range(2):
            ledger.submit(new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=60))
        ledger.claim("diffusion", "worker", 15)
        after = await told(client)
    assert before["diptych_queue_waiting", "diffusion"] == before["diptych_queue_running", "diffusion"] == 0
    assert after["diptych_queue_waiting", "diffusion"] == after["diptych_queue_running", "diffusion"] == 1
    assert after["diptych_queue_oldest_wait_seconds", "diffusion"] > 0
    assert after["diptych_queue_waiting", "ocr"] == 0
    assert after["diptych_ledger_up",] == 1


async def test_without_a_ledger_the_rest_is_still_told(make_services, client_for):
    class Gone:
        def state(self, queue):
            raise OperationalError("SELECT", {}, Exception())

    services = make_services(ScriptedVlm([]))
    services.metrics.watch_queues(Gone())
    async with client_for(services=services) as client:
        samples = await told(client)
    assert samples["diptych_ledger_up",] == 0
    assert ("diptych_queue_waiting", "diffusion") not in samples
    assert samples["process_resident_memory_bytes",] > 0


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), ("right", 200)])
async def test_where_keys_are_set_metrics_need_one(client_for, key, status):
    async with client_for(api_key="right") as client:
        response = await client.get("/metrics", headers={"Authorization": f"Bearer {key}"} if key else {})
    assert response.status_code == status


async def test_metrics_are_no_part_of_the_api(client_for):
    async with client_for() as client:
        document = (await client.get("/openapi.json")).json()
    assert "/metrics" not in document["paths"]
