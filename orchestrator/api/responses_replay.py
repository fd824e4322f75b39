"""Stored and running responses: found again, followed from any event on, stopped, in whichever process they run."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from orchestrator.records.responses import ResponseRecord
from orchestrator.wiring import Services

POLL_S = 0.2
Event = dict[str, Any]


async def find(response_id: str, services: Services, owner: str) -> ResponseRecord:
    """A response as it is now. Raises NotFound."""
    run = services.runs.get(response_id, owner)
    if run is not None:
        return run.record.model_copy(update={"body": run.response})
    return await asyncio.to_thread(services.responses.get, response_id, owner)


async def follow(response_id: str, services: Services, owner: str, after: int) -> AsyncIterator[Event]:
    """Its events behind that number, those to come included. Raises NotFound, also where it is deleted meanwhile."""
    run = services.runs.get(response_id, owner)
    if run is not None:
        async for event in run.events.follow():
            if event["sequence_number"] > after:
                yield event
        return
    while True:
        record = await find(response_id, services, owner)
        for event in await asyncio.to_thread(services.responses.events_after, response_id, after):
            after = event["sequence_number"]
            yield event
        if not record.running:
            return
        await asyncio.sleep(POLL_S)  # another process runs it, or will go on with it


async def cancel(response_id: str, services: Services, owner: str) -> ResponseRecord:
    """Stop it, wherever it runs; one that has ended stays as it is. Raises NotFound."""
    run = services.runs.get(response_id, owner)
    if run is not None:
        await run.cancel()
        return run.record
    record = await find(response_id, services, owner)
    if record.running:
        await asyncio.to_thread(services.running.request_cancel, response_id)
        async for _ in follow(response_id, services, owner, -1):
            pass
        record = await find(response_id, services, owner)
    return record
