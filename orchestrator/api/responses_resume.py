"""Goes on with responses whose orchestrator died or was stopped, from the last step that it recorded.

What it had sent since is never unsaid: a text that broke off is closed as an incomplete message, and calls that had
begun go on under their ids, with the jobs that they have.
"""

import asyncio
import copy
import json
import logging

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.api.responses_pictures import Pictures
from orchestrator.api.responses_schema import ResponseRequest
from orchestrator.api.responses_start import loop_of, stream_of, tool_context
from orchestrator.api.responses_stream import ResponseStream
from orchestrator.conversation import Conversation
from orchestrator.conversation_turns import ConversationTurn
from orchestrator.items import ToolCall
from orchestrator.records.responses import Begun, ResponseRecord
from orchestrator.records.running import Taken
from orchestrator.response_runs import ALIVE_S, ResponseRun
from orchestrator.tools.base import PaintingOptions, ToolContext, job_id_of
from orchestrator.tracing import traced_turn
from orchestrator.wiring import Services
from shared.errors import ErrorRecord, NotFound
from shared.events import TurnProgress
from shared.process_log import add_names

EVERY_S = 1.0
MOST_STALLED = 20
"""A response that was taken over so often without coming further is given up: it may be what kills orchestrators."""
GIVEN_UP = ErrorRecord(
    code="given_up",
    message="Diptych was stopped at this answer again and again. Ask for something else, or look into its log.",
)
log = logging.getLogger(__name__)


async def resume_forever(services: Services) -> None:
    """Take over what nobody goes on with, as it is found."""
    while True:
        try:
            while (taken := await asyncio.to_thread(services.running.take_silent, ALIVE_S)) is not None:
                await _resume(taken, services)
        except SQLAlchemyError as error:
            log.warning("the ledger did not say which responses were left: %s", error)
        await asyncio.sleep(EVERY_S)


async def _resume(taken: Taken, services: Services) -> None:
    """One that cannot be gone on with is tried again, as one whose process dies is, until it is given up."""
    try:
        if taken.stalled > MOST_STALLED:
            await asyncio.to_thread(give_up, taken, services)
            return
        run = await resume(taken, services)
    except NotFound:
        return  # deleted meanwhile
    except Exception:
        log.exception("%s cannot be gone on with", taken.attempt.response_id)
        return
    if taken.cancel_requested:
        await run.cancel()


async def resume(taken: Taken, services: Services) -> ResponseRun:
    """Go on with a response. Raises NotFound."""
    response_id = taken.attempt.response_id
    add_names(response_id=response_id)
    record = await asyncio.to_thread(services.responses.get, response_id, taken.owner)
    events = await asyncio.to_thread(services.responses.events_after, response_id, -1)
    begun = record.begun
    assert begun is not None  # noqa: S101 - it has a lease, so it runs
    log.info("%s is gone on with, attempt %d, %d events", response_id, taken.attempt.number, len(events))
    body = ResponseRequest.model_validate_json(json.dumps(begun.request | {"input": "as recorded"}))
    shaping = stream_of(body, copy.deepcopy(record.body), services)
    cut, closing = shaping.restore(events, begun.written)
    tools = _tools(record, begun, services)
    progress = TurnProgress.model_validate(begun.progress) if begun.progress else None
    loop = loop_of(body, tools, services, begun=progress, cut=cut.strip())
    run = ResponseRun(
        record,
        turn=services.turns.start(traced_turn(loop.run()), paced=True),
        shaping=shaping,
        opening=closing if events else shaping.opening(),
        before=events,
        tools=tools,
        ledger=services.ledger,
        recording=services.recorded(record, taken.attempt),
        place=ConversationTurn.model_validate(begun.place) if begun.place else None,
    )
    services.runs.add(run)
    return run


def _tools(record: ResponseRecord, begun: Begun, services: Services) -> ToolContext:
    conversation = Conversation.from_items(record.items, services.store, services.settings.max_images)
    tools = tool_context(PaintingOptions(**begun.painting), conversation, services, record.owner)
    waiting = conversation.open_calls()
    calls = (item for item in record.items if isinstance(item, ToolCall) and item.call_id in waiting)
    tools.jobs.extend(job_id_of(call.call_id, 0) for call in calls)  # known before the calls are run again: to cancel
    return tools


def give_up(taken: Taken, services: Services) -> None:
    """End one as failed, without what may be what kills orchestrators. Blocks. Raises NotFound."""
    record = services.responses.get(taken.attempt.response_id, taken.owner)
    events = services.responses.events_after(record.id, -1)
    shaping = ResponseStream(
        response=copy.deepcopy(record.body),
        pictures=Pictures(services.store),
        images=None,
        hosted=frozenset(),
        extended=False,
        only_json=False,
    )
    _, begun = shaping.restore(events, 0) if events else ("", shaping.opening())
    last = [*begun, *shaping.stop(GIVEN_UP)]
    items = Conversation.from_items(record.items, services.store, services.settings.max_images).settled()
    ended = record.model_copy(update={"body": shaping.response, "items": items})
    services.responses.finish(ended, taken.attempt.number, last)
