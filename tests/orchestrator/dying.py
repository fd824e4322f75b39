"""A process that dies in the middle of a response, as the records see it, and what it is asked meanwhile."""

import asyncio
import json

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from orchestrator.api.responses_resume import resume
from orchestrator.records.running import RunningRecords
from orchestrator.vlm.client import VlmEnd, VlmText, VlmToolCall
from shared.events import Usage
from shared.job_table import jobs

WISH = {"model": "diptych", "input": "hello", "stream": True}
PAINT = {"type": "image_generation", "partial_images": 2}
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
TEXT, LINK, PICTURE, MIXED, GIVEN, LETTERED = "text", "link", "picture", "mixed", "given", "lettered"
BODIES = {
    TEXT: WISH,
    LINK: WISH | {"instructions": "draw"},
    PICTURE: WISH | {"instructions": "draw", "tools": [PAINT], "diptych": {}},
    MIXED: WISH | {"instructions": "draw", "tools": [PAINT, FUNCTION]},
    GIVEN: WISH | {"tools": [PAINT], "diptych": {"call": {"name": "generate_image", "prompt": "a cat"}}},
    LETTERED: WISH
    | {"tools": [PAINT], "diptych": {"call": {"name": "generate_image", "prompt": 'a cat with the words "OPEN"'}}},
}
WITHIN_S = 10
MOST_WRITES = 60


class Speaking:
    """Says something; has a picture painted where it is told to, and then calls the client's function, if any."""

    model = "speaking"

    async def answer(self, messages, offer, sampling):
        names = [tool["function"]["name"] for tool in offer.tools]
        if messages[-1]["role"] == "tool":
            yield VlmText(text="Here ")
            yield VlmText(text="it is.")
            if "f" in names:
                yield VlmToolCall(call_id="c", name="f", arguments="{}")
        else:
            for word in ("I ", "will ", "say: "):
                yield VlmText(text=word)
            if "draw" in messages[0]["content"]:
                yield VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a cat"}')
        yield VlmEnd(usage=Usage(prompt_tokens=1, completion_tokens=1))

    async def check(self):
        return "speaking"


class Dying(RunningRecords):
    """Writes so many times, then no more: as far as a process comes that is killed there."""

    def __init__(self, engine, writes):
        super().__init__(engine, engine)
        self.left, self.dead = writes, asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def _count(self):
        if self.left == 0:
            self._loop.call_soon_threadsafe(self.dead.set)
            raise OperationalError("INSERT", {}, Exception("killed"))
        self.left -= 1

    def append(self, sent):
        self._count()
        return super().append(sent)

    def checkpoint(self, *given):
        self._count()
        return super().checkpoint(*given)


async def leave(house, response_id):
    """As SIGKILL leaves it: nothing more is written, nobody keeps it alive."""
    run = house.runs._runs.pop(response_id)
    for task in (run.task, run.turn.task):
        task.cancel()
    await asyncio.wait({run.task, run.turn.task})
    house.running.renew([run.recording.attempt], -1)
    return run


async def begin(client, body):
    """Ask, and leave when the process has come as far as it does. Returns the response's id; None: it has ended."""
    running = client.house.running
    asking = asyncio.create_task(client.post("/v1/responses", json=body))
    dying = asyncio.create_task(running.dead.wait())
    await asyncio.wait({asking, dying}, return_when=asyncio.FIRST_COMPLETED, timeout=WITHIN_S)
    dying.cancel()
    if asking.done():
        return None
    (run,) = client.house.runs._runs.values()
    running.left = -1
    await leave(client.house, run.record.id)
    await asyncio.wait({asking}, timeout=WITHIN_S)
    return run.record.id


async def go_on(house):
    """Go on with the response that nobody keeps alive, to its end. Returns the run."""
    run = await resume(house.running.take_silent(60), house)
    await asyncio.wait_for(run.task, WITHIN_S)
    return run


async def dying_before_each_write(house_of, body, **parts):
    """Die before the first write, then before the second, until all are outlived; each time another process goes on.

    Checks what must hold wherever it dies: no event is lost, changed or sent twice, and it comes to its end. Yields
    each response's events, when its house is closed.
    """
    for writes in range(MOST_WRITES):
        async with house_of(writes, **parts) as client:
            response_id = await begin(client, body)
            if response_id is None:
                return
            before = client.house.responses.events_after(response_id, -1)
            await go_on(client.house)
            assert client.house.responses.events_after(response_id, -1)[: len(before)] == before
            events = await replayed(client, response_id)
            assert events == await replayed(client, response_id)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert [event["type"] for event in events].count("response.completed") == 1
        assert events[-1]["type"] == "response.completed"
        yield events
    raise AssertionError("it never came to its end")


def take_jobs(engine):
    """The kinds and attempts of all jobs, which are gone then: the next house begins without them."""
    with engine.begin() as connection:
        taken = connection.execute(sa.select(jobs.c.kind, jobs.c.attempt)).all()
        connection.execute(jobs.delete())
    return taken


async def replayed(client, response_id):
    text = (await client.get(f"/v1/responses/{response_id}?stream=true")).text
    return [json.loads(frame.partition("data: ")[2]) for frame in text.split("\n\n") if '"type"' in frame]
