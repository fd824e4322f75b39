"""What the Responses API answers is what its OpenAPI document says, to the field."""

import httpx2
import pytest

from orchestrator.api.responses_document import (
    CompactedResponse,
    InputItemList,
    InputTokens,
    ResponseDeleted,
    ResponseObject,
)
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from tests.conftest import ListSink, data_url, png
from workers.job_run import JobRunner

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
READ = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
LOOK = VlmToolCall(call_id="c", name="look_closer", arguments='{"image": "image_1", "box": [0, 0, 16, 16]}')
CALL = VlmToolCall(call_id="c", name="f", arguments="{}")
TOOLS = [
    {"type": "image_generation", "output_format": "webp"},
    {"type": "diptych:read_text"},
    {"type": "diptych:look_closer"},
    {"type": "function", "name": "f"},
]
IMAGE = {"type": "input_image", "image_url": data_url(png())}
ASK = [
    {"role": "developer", "content": "Be brief."},
    {"role": "assistant", "content": "Hello.", "phase": "commentary"},
    {"role": "user", "content": [IMAGE, {"type": "input_text", "text": "look"}]},
]


async def answered(client, method, path, **body):
    """The answer's JSON as it went over the wire."""
    options = {"body": body} if body else {}
    return (await getattr(client, method)(path, cast_to=httpx2.Response, **options)).json()


async def created(client, **body):
    return await answered(client, "post", "/responses", model="diptych", **{"input": ASK, "tools": TOOLS} | body)


async def test_every_answer_is_as_documented(sdk_for):
    answers = [DRAW, READ, LOOK], [VlmText(text="So."), CALL], [VlmText(text="On"), VlmEnd(finish_reason="length")]
    async with sdk_for(*answers, [VlmText(text="x")]) as client:
        first = await created(client, diptych={}, metadata={"a": "b"}, tool_choice="required")
        output = {"type": "function_call_output", "call_id": first["output"][-1]["call_id"], "output": "1"}
        second = await created(client, input=[output], previous_response_id=first["id"])
        assert {item["type"] for item in first["output"]} == {
            "image_generation_call",
            "diptych:read_text_call",
            "diptych:look_closer_call",
            "message",
            "function_call",
        }
        assert second["status"] == "incomplete"
        path = f"/responses/{second['id']}"
        fetched = await answered(client, "get", path)
        for response in (first, second, fetched, await answered(client, "post", f"{path}/cancel")):
            ResponseObject.model_validate(response)
        items = await answered(client, "get", f"{path}/input_items?limit=100")
        assert len(items["data"]) == 9
        InputItemList.model_validate(items)
        asked = {"model": "diptych", "previous_response_id": second["id"], "input": "and?"}
        InputTokens.model_validate(await answered(client, "post", "/responses/input_tokens", **asked))
        CompactedResponse.model_validate(await answered(client, "post", "/responses/compact", **asked))
        ResponseDeleted.model_validate(await answered(client, "delete", path))


async def test_so_is_a_response_whose_picture_failed(sdk_for, ledger):
    def broken(job):
        raise ValueError
        yield

    failing = InProcessDispatcher(
        ledger, lambda job_id, emit: JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, broken)
    )
    async with sdk_for([DRAW, READ], [VlmText(text="Sorry.")], served_by=failing) as client:
        response = ResponseObject.model_validate(await created(client))
    assert [item.status for item in response.output] == ["failed", "failed", "completed"]


@pytest.mark.parametrize("path", ["/responses", "/responses/{response_id}"])
async def test_the_document_names_the_response_and_the_stream(sdk_for, path):
    async with sdk_for() as client:
        document = (await client._client.get(str(client.base_url).replace("/v1/", "/openapi.json"))).json()
    (operation,) = [document["paths"][f"/v1{path}"].get("post") or document["paths"][f"/v1{path}"]["get"]]
    content = operation["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/ResponseObject"}
    assert "text/event-stream" in content
