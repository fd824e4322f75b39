"""One request as one trace: from HTTP through loop and ledger to the painter's steps, with none of what was said."""

import contextlib

import httpx
import pytest

from orchestrator.app import create_app
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.metrics import OrchestratorMetrics
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from orchestrator.vlm.measured import MeasuredVlm
from orchestrator.vlm.scripted import ScriptedVlm
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.errors import VlmUnavailable
from shared.events import Usage
from shared.jobs import JobKind
from tests.conftest import ListSink
from workers.diffusion import performs
from workers.job_run import JobRunner

CALL = VlmToolCall(call_id="a", name="generate_image", arguments='{"prompt": "a secret cat"}')
USAGE = Usage(prompt_tokens=70, completion_tokens=9, image_tokens=64, cached_tokens=3)


@pytest.fixture
def ask(make_services, ledger, store):
    """A function that asks a house with the embedded painter, whose VLM gives these answers."""

    async def ask(*answers, **diptych):
        paint = performs(Painters(DiffusionSettings()), store)[JobKind.GENERATE_IMAGE]

        def work(job_id, emit):
            JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, paint)

        vlm = MeasuredVlm(ScriptedVlm(answers), OrchestratorMetrics().vlm, "http://127.0.0.1:8001/v1")
        services = make_services(vlm, served_by=InProcessDispatcher(ledger, work))

        @contextlib.asynccontextmanager
        async def opened(_settings):
            yield services

        app = create_app(services.settings, opened)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client:
                message = {"role": "user", "content": "draw a secret cat"}
                body = {"model": "diptych", "messages": [message], "diptych": diptych}
                response = await client.post("/v1/chat/completions", json=body)
        await services.turns.close()
        return response

    return ask


async def test_a_request_is_one_trace_down_to_the_denoise_loop(ask, spans):
    response = await ask([CALL, VlmEnd(usage=USAGE)], [VlmText(text="Here."), VlmEnd()], seed=7, steps=6)

    assert response.status_code == 200
    assert len({span.context.trace_id for span in spans.all}) == 1
    assert spans.parents() == {
        "POST /v1/chat/completions": None,
        "invoke_agent diptych": "POST /v1/chat/completions",
        "chat scripted": "invoke_agent diptych",
        "execute_tool generate_image": "invoke_agent diptych",
        "job generate_image": "execute_tool generate_image",
        "encode": "job generate_image",
        "denoise": "job generate_image",
        "decode": "job generate_image",
    }
    denoise, job = spans.named("denoise"), spans.named("job generate_image")
    assert denoise.attributes["diptych.denoise.steps"] == 6
    assert job.attributes["diptych.job.attempt"] == 1
    assert job.start_time <= denoise.start_time < denoise.end_time <= job.end_time


async def test_spans_of_the_vlm_and_of_tools_keep_to_the_genai_conventions(ask, spans):
    await ask([CALL, VlmEnd(usage=USAGE)], [VlmText(text="Here."), VlmEnd()], steps=1)

    first, second = [span for span in spans.all if span.name == "chat scripted"]
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "scripted",
        "gen_ai.response.finish_reasons": ("tool_calls",),
        "gen_ai.usage.input_tokens": 70,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.image.input_tokens": 64,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "server.address": "127.0.0.1",
        "server.port": 8001,
    }
    assert first.attributes.items() >= expected.items()
    assert first.kind.name == "CLIENT"
    assert second.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    tool = spans.named("execute_tool generate_image").attributes
    assert (tool["gen_ai.operation.name"], tool["gen_ai.tool.name"]) == ("execute_tool", "generate_image")
    assert tool["gen_ai.tool.call.id"].startswith("call_")
    agent = spans.named("invoke_agent diptych").attributes
    assert (agent["gen_ai.agent.name"], agent["gen_ai.usage.input_tokens"]) == ("diptych", 70)


async def test_nothing_that_was_said_is_in_a_span(ask, spans):
    await ask([CALL], [VlmText(text="A secret cat."), VlmEnd()], steps=1)
    assert "secret" not in "".join(span.to_json() for span in spans.all)


async def test_a_failure_is_in_its_spans_by_code(ask, spans):
    response = await ask([VlmUnavailable("It is gone.")])
    assert response.status_code == 502
    chat = spans.named("chat scripted")
    assert (chat.status.status_code.name, chat.attributes["error.type"]) == ("ERROR", "vlm_unavailable")
    assert spans.named("invoke_agent diptych").status.status_code.name == "ERROR"
