"""What the planner finds out about pictures, and what the API tells of it. The real reader looks at the pages."""

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from orchestrator.dispatch import InProcessDispatcher
from orchestrator.vlm.client import VlmText
from shared.errors import WorkerUnavailable
from tests.conftest import data_url, png
from training.reading.pages import LINES, make_page

COUNTED = [VlmText(text="x")]


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


async def test_a_picture_is_looked_at_once(sdk_for, reading, profiled, ledger, monkeypatch):
    submitted = []
    submit = ledger.submit
    monkeypatch.setattr(ledger, "submit", lambda job, *more: submitted.append(job.kind) or submit(job, *more))
    async with sdk_for(COUNTED, COUNTED, COUNTED, served_by=reading) as client:
        both = await asyncio.gather(told(client, make_page(0, 9).png), told(client, make_page(0, 9).png))
        assert await told(client, make_page(0, 9).png) == both[0] == both[1]
    assert submitted == ["find_text"]


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
async def test_without_a_worker_it_goes_on_and_says_so(sdk_for, ledger, profiled, kind):
    async with sdk_for(COUNTED, served_by=kind(ledger, lambda *_: None), inspect_s=0.2) as client:
        (image,) = await told(client, make_page(0, 7).png)
        await client.house.planner.close()
    assert (image["lines"], image["unresolved_lines"], image["needed_px"]) == (None, None, 10)
    assert "no OCR worker is running" in image["note"]
