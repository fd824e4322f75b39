"""The life of one request, from HTTP to pixels and back: read this first.

Everything is real (the app, the loop, the ledger, the artifact store, the worker's runner, the embedded painter and
the OCR models), except two seams that ship with the code: the VLM follows a script, so that the path is the same each
time, and jobs are handed over by a direct call instead of Celery. tests/integration has the same with neither.
"""

import contextlib
import io
import json
import re
from pathlib import Path

import httpx
import pytest
from PIL import Image

from orchestrator.app import create_app
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from shared.jobs import JobKind, JobStatus
from shared.provenance import read_provenance
from tests.conftest import ListSink, data_url
from workers.diffusion import performs as painting
from workers.job_run import JobRunner
from workers.ocr import read_text

FIXTURES = Path(__file__).parent / "fixtures"
SCRIPT = [
    # 3. The loop asks the VLM, which calls a tool; 4. the call is validated and becomes a job.
    [VlmToolCall(call_id="a", name="generate_image", arguments='{"prompt": " an orange cat in a cardboard box"}')],
    # 8. The result goes back to the VLM as data with a handle, and it answers.
    [VlmText(text="Here is your cat.")],
    [VlmToolCall(call_id="b", name="read_text", arguments='{"image": "image_1"}')],
    # Exact text is never copied by the model: it names the handle, and the loop sets the text.
    [VlmText(text="It says:\n\n"), VlmText(text="{{text_1}}")],
]


@pytest.fixture
def house(make_services, ledger, store):
    """The house with both services in it, and what its VLM was asked."""
    performs = {
        **painting(Painters(DiffusionSettings()), store),
        JobKind.READ_TEXT: read_text(Reader.from_settings(OcrSettings()), store),
    }

    def work(job_id, emit):  # 6. a worker claims the job and runs the service; 7. it commits the result, once
        JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, performs[ledger.get(job_id).kind])

    return make_services(ScriptedVlm(SCRIPT), served_by=InProcessDispatcher(ledger, work))


@contextlib.asynccontextmanager
async def client_of(services):
    @contextlib.asynccontextmanager
    async def opened(_settings):
        yield services

    app = create_app(services.settings, opened)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=100) as client:
            yield client


async def test_one_request(house, ledger, store):
    async with client_of(house) as client:
        # 1. A person asks for a picture; 2. the stream starts.
        ask = {"role": "user", "content": "draw an orange cat in a cardboard box"}
        body = {"model": "diptych", "messages": [ask], "stream": True, "diptych": {"seed": 7, "steps": 6}}
        response = await client.post("/v1/chat/completions", json=body)
        chunks = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]

        # 5. The job went to the ledger before anything else; the worker told each step, and showed the noise clearing.
        events = [chunk["diptych"] for chunk in chunks if "diptych" in chunk]
        kinds = [event["type"] for event in events]
        assert kinds[:3] == ["tool_called", "job_queued", "job_started"]
        assert [event["step"] for event in events if event["type"] == "job_progress"] == [1, 2, 3, 4, 5, 6]
        assert "job_preview" in kinds
        job = ledger.get(events[1]["job_id"])
        assert (job.status, job.attempt, job.input.seed) == (JobStatus.DONE, 1, 7)
        assert job.input.prompt == "an orange cat in a cardboard box"

        # 9. The answer: the picture's link, set by the loop, and the VLM's words.
        answer = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
        link = re.match(r"!\[an orange cat in a cardboard box\]\((\S+)\)\n\nHere is your cat\.$", answer)[1]
        png = (await client.get(link)).content
        assert png == store.get(job.output.artifact)
        assert Image.open(io.BytesIO(png)).size == (job.output.width, job.output.height)
        assert read_provenance(png).seed == 7

        # A second request: a page comes in, its exact text goes out, character for character.
        page = {"type": "image_url", "image_url": {"url": data_url((FIXTURES / "page.png").read_bytes())}}
        ask = {"role": "user", "content": [page, {"type": "text", "text": "what does this say?"}]}
        response = await client.post("/v1/chat/completions", json={"model": "diptych", "messages": [ask]})
        content = response.json()["choices"][0]["message"]["content"]
        assert (FIXTURES / "page.txt").read_text().rstrip("\n") in content
        told = json.loads(house.vlm.asked[-1][0][-1]["content"])
        assert told["text"] == "text_1"
    await house.turns.close()
