"""What becomes of a response's stream, of its pictures and of the process itself when a response is taken over."""

import asyncio
import io

from PIL import Image
from sqlalchemy.exc import OperationalError

from orchestrator.api.responses_resume import resume
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from shared.events import Usage
from tests.conftest import data_url, png
from tests.orchestrator.dying import (
    BODIES,
    LINK,
    PAINT,
    TEXT,
    WISH,
    WITHIN_S,
    Speaking,
    begin,
    dying_before_each_write,
    go_on,
    replayed,
)


class Gated(Speaking):
    """Waits in the middle of its first words."""

    def __init__(self):
        self.gate = asyncio.Event()

    async def answer(self, messages, offer, sampling):
        yield VlmText(text="First. ")
        await self.gate.wait()
        async for event in super().answer(messages, offer, sampling):
            yield event


async def has_begun(run):
    """Wait for the first text."""
    async for event in run.events.follow():
        if event["type"] == "response.output_text.delta":
            return


async def test_a_stream_is_followed_from_its_start_while_another_process_goes_on_with_it(house_of):
    async with house_of(3) as client:
        response_id = await begin(client, BODIES[TEXT])
        object.__setattr__(client.house, "vlm", vlm := Gated())
        run = await resume(client.house.running.take_silent(60), client.house)
        following = asyncio.create_task(replayed(client, response_id))
        await asyncio.wait_for(has_begun(run), WITHIN_S)
        vlm.gate.set()
        live = await asyncio.wait_for(following, WITHIN_S)
        assert live == await replayed(client, response_id)
    assert live[0]["sequence_number"] == 0


async def test_a_process_that_takes_a_response_over_from_itself_keeps_it(make_services, client_for):
    services = make_services(Gated())
    async with client_for(services=services) as client:
        begun = (await client.post("/v1/responses", json=WISH | {"stream": False, "background": True})).json()
        frozen = services.runs.get(begun["id"], "local")
        await asyncio.wait_for(has_begun(frozen), WITHIN_S)
        services.running.renew([frozen.recording.attempt], -1)
        object.__setattr__(services, "vlm", vlm := Gated())
        run = await resume(services.running.take_silent(60), services)
        await asyncio.wait_for(frozen.task, WITHIN_S)
        assert services.runs.get(begun["id"], "local") is run
        vlm.gate.set()
        await asyncio.wait_for(run.task, WITHIN_S)
    assert services.responses.get(begun["id"], "local").body["status"] == "completed"


async def test_a_step_whose_commit_was_not_heard_of_is_gone_on_from(make_services, client_for):
    services = make_services(Speaking())
    commit, unheard = services.running.checkpoint, []

    def checkpoint(attempt, begun, items, sent):
        done = commit(attempt, begun, items, sent)
        if sent and not unheard:
            unheard.append(attempt)
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))
        return done

    services.running.checkpoint = checkpoint
    async with client_for(services=services) as client:
        cut = await asyncio.wait_for(client.post("/v1/responses", json=BODIES[LINK]), WITHIN_S)
        (attempt,) = unheard
        services.running.renew([attempt], -1)
        await go_on(services)
        events = await replayed(client, attempt.response_id)
    assert "[DONE]" not in cut.text
    assert events[-1]["type"] == "response.completed"
    assert str(events[-1]["response"]["output"]).count("/v1/artifacts/") == 1


class Twice(Speaking):
    """Has two pictures painted that are the same."""

    async def answer(self, messages, offer, sampling):
        if messages[-1]["role"] == "tool":
            yield VlmText(text="Done.")
        else:
            for number in range(2):
                yield VlmToolCall(call_id=f"c{number}", name="generate_image", arguments='{"prompt": "a cat"}')
        yield VlmEnd(usage=Usage(prompt_tokens=1, completion_tokens=1))


async def test_pictures_that_are_the_same_are_each_linked_once_from_any_moment_on(house_of):
    deaths = 0
    async for events in dying_before_each_write(house_of, WISH, vlm=Twice()):
        assert str(events[-1]["response"]["output"]).count("/v1/artifacts/") == 2
        deaths += 1
    assert deaths >= 4


async def test_one_that_nobody_hears_of_before_its_end_writes_once_a_step_and_is_gone_on_with_all_the_same(house_of):
    deaths = 0
    async for events in dying_before_each_write(house_of, BODIES[LINK] | {"stream": False}):
        assert str(events[-1]["response"]["output"]).count("/v1/artifacts/") == 1
        deaths += 1
    assert deaths == 2  # the VLM's call, and its result


def transparent():
    out = io.BytesIO()
    Image.new("RGBA", (32, 32)).save(out, "PNG")
    return data_url(out.getvalue())


async def test_a_picture_is_painted_as_it_was_asked_for_whoever_goes_on(house_of):
    tool = PAINT | {"input_fidelity": "high", "input_image_mask": {"image_url": transparent()}}
    words = [{"type": "input_text", "text": "hello"}, {"type": "input_image", "image_url": data_url(png())}]
    body = WISH | {"input": [{"role": "user", "content": words}], "tools": [tool]}
    async with house_of(3) as client:
        runs, options = client.house.runs, []
        add = runs.add
        runs.add = lambda run: (options.append(run._tools.options), add(run))
        await begin(client, body)
        await go_on(client.house)
    first, second = options
    assert first == second
    assert first.mask is not None
