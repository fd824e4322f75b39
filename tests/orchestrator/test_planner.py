"""What the planner finds out about pictures, and what the API tells of it. The real reader looks at the pages."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmText
from shared.errors import WorkerUnavailable
from shared.text_places import KEPT_AS
from tests.conftest import data_url, png
from training.reading.pages import LINES, make_page

COUNTED = [VlmText(text="x")]


@pytest.fixture
def submitted(ledger, monkeypatch):
    """The kinds of all jobs, as they come."""
    kinds, submit = [], ledger.submit
    monkeypatch.setattr(ledger, "submit", lambda job, *more: kinds.append(job.kind) or submit(job, *more))
    return kinds


def showing(*pages):
    images = [{"type": "input_image", "image_url": data_url(page)} for page in pages]
    return [{"role": "user", "content": [*images, {"type": "input_text", "text": "what does it say?"}]}]


async def told(client, *pages):
    count = await client.responses.input_tokens.count(model="diptych", input=showing(*pages))
    return count.input_tokens_details["images"]


async def test_each_picture_is_told_with_what_the_model_resolves_in_it(sdk_for, reading, profiled):
    async with sdk_for(COUNTED, served_by=reading) as client:
        small, large, empty = await told(client, make_page(0, 7).png, make_page(0, 24).png, png())
    assert (small["image"], small["lines"], small["unresolved_lines"]) == ("image_1", LINES, LINES)
    assert small["seen_px"] == small["smallest_px"] == pytest.approx(7, abs=2)
    assert small["needed_px"] == 10
    assert (small["size"], len(small["unresolved_boxes"]), large["unresolved_boxes"]) == ([512, 512], LINES, [])
    assert small["note"] == "The model does not resolve 4 of 4 lines: OCR reads them."
    assert (large["lines"], large["unresolved_lines"]) == (LINES, 0)
    assert (empty["lines"], empty["unresolved_lines"], empty["seen_px"]) == (0, 0, None)


async def test_a_picture_is_looked_at_once(sdk_for, reading, profiled, submitted):
    async with sdk_for(COUNTED, COUNTED, COUNTED, served_by=reading) as client:
        both = await asyncio.gather(told(client, make_page(0, 9).png), told(client, make_page(0, 9).png))
        assert await told(client, make_page(0, 9).png) == both[0] == both[1]
    assert submitted == ["find_text"]


async def looked_at(client, artifact):
    """Wait until what was found in a picture is kept."""
    async with asyncio.timeout(5):
        while client.house.store.derived(artifact, KEPT_AS) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_uploaded_picture_is_looked_at_before_anybody_asks(sdk_for, reading, profiled, submitted):
    page = make_page(0, 7).png
    async with sdk_for(COUNTED, served_by=reading) as client:
        made = await client.files.create(file=("page.png", page), purpose="vision")
        (artifact,) = await client.house.files.artifacts_of(made.id, "local")
        await looked_at(client, artifact)
        assert submitted == ["find_text"]
        (image,) = await told(client, page)
    assert (image["unresolved_lines"], submitted) == (LINES, ["find_text"])


async def test_what_joins_a_conversation_is_looked_at_before_anybody_asks(sdk_for, reading, profiled, submitted):
    first, second = make_page(0, 7).png, make_page(1, 7).png
    async with sdk_for(served_by=reading) as client:
        kept = await client.conversations.create(items=showing(first))
        await client.conversations.items.create(kept.id, items=showing(second))
        for page in (first, second):
            await looked_at(client, await client.house.uploads.keep_picture(page, "image/png"))
    assert submitted == ["find_text", "find_text"]


async def test_a_request_joins_the_looking_that_an_upload_began(sdk_for, reading, profiled, submitted, monkeypatch):
    begun, go_on, run = asyncio.Event(), asyncio.Event(), reading.run

    async def held(job):
        begun.set()
        await go_on.wait()
        async for event in run(job):
            yield event

    monkeypatch.setattr(reading, "run", held)
    page = make_page(0, 7).png
    async with sdk_for(COUNTED, served_by=reading) as client:
        await client.files.create(file=("page.png", page), purpose="vision")
        await asyncio.wait_for(begun.wait(), 5)
        asking = asyncio.create_task(told(client, page))
        done, _ = await asyncio.wait({asking}, timeout=0.2)
        assert not done, "it waits for the same job"
        go_on.set()
        (image,) = await asking
    assert (image["unresolved_lines"], submitted) == (LINES, ["find_text"])


async def test_a_request_does_not_wait_for_uploads_of_other_pictures(sdk_for, reading, profiled, submitted):
    async with sdk_for(COUNTED, served_by=reading) as client:
        async with client.house.planner._one_by_one:  # an upload is being looked at
            await client.files.create(file=("page.png", make_page(1, 7).png), purpose="vision")
            (image,) = await told(client, make_page(0, 7).png)
        await client.house.planner.close()
    assert (image["unresolved_lines"], submitted) == (LINES, ["find_text"])


async def test_of_a_model_that_was_not_measured_nothing_is_claimed(sdk_for, reading):
    async with sdk_for(COUNTED, served_by=reading) as client:
        (image,) = await told(client, make_page(0, 7).png)
    assert {name for name, value in image.items() if value is not None} == {"image", "size", "note"}
    assert "./diptych profile-vlm" in image["note"]


class Without(InProcessDispatcher):
    """No worker reads."""

    async def is_served(self, queue):
        return False

    async def run(self, job):
        raise AssertionError("nobody is there")
        yield


class Dying(InProcessDispatcher):
    """The last worker ends as it is asked."""

    async def run(self, job):
        raise WorkerUnavailable("No ocr worker is running.")
        yield


class Locked(InProcessDispatcher):
    """The ledger does not answer."""

    async def run(self, job):
        raise OperationalError("INSERT", {}, Exception("locked"))
        yield


class Slow(InProcessDispatcher):
    """A worker that does not come to it."""

    async def run(self, job):
        await asyncio.Event().wait()
        yield


@pytest.mark.parametrize("kind", [Without, Dying, Locked, Slow])
async def test_without_a_worker_an_upload_is_kept_all_the_same(sdk_for, ledger, profiled, kind):
    async with sdk_for(served_by=kind(ledger, lambda *_: None), inspect_s=0.2) as client:
        made = await client.files.create(file=("page.png", make_page(0, 7).png), purpose="vision")
        assert (await client.files.retrieve(made.id)).status == "processed"
        await client.house.planner.close()


@pytest.mark.parametrize("kind", [Without, Dying, Locked, Slow])
async def test_without_a_worker_it_goes_on_and_says_so(sdk_for, ledger, profiled, kind):
    async with sdk_for(COUNTED, served_by=kind(ledger, lambda *_: None), inspect_s=0.2) as client:
        (image,) = await told(client, make_page(0, 7).png)
        await client.house.planner.close()
    assert (image["lines"], image["unresolved_lines"], image["needed_px"]) == (None, None, 10)
    assert "no OCR worker is running" in image["note"]
