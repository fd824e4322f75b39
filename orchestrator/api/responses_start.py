"""From a request's body to a running response."""

import asyncio
import copy
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from orchestrator.api.given_call import tool_call
from orchestrator.api.image_tool import ImageMask, check_image_model
from orchestrator.api.kept_conversation import KeptConversation, open_conversation, reader_of
from orchestrator.api.models import check_model
from orchestrator.api.responses_conversation import Listed
from orchestrator.api.responses_items import ImageForm
from orchestrator.api.responses_object import new_response
from orchestrator.api.responses_pictures import Pictures
from orchestrator.api.responses_schema import CompactRequest, ContextRequest, ResponseRequest
from orchestrator.api.responses_stream import ResponseStream
from orchestrator.api.responses_tools import HOSTED, HostedTool
from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.conversation_turns import ConversationTurn
from orchestrator.items import new_item_id
from orchestrator.loop import AgentLoop
from orchestrator.pictures import size_in
from orchestrator.recording import Recording, Unrecorded
from orchestrator.records.responses import Begun, ResponseRecord
from orchestrator.records.running import Attempt
from orchestrator.response_runs import ALIVE_S, ResponseRun
from orchestrator.tools.base import PaintingOptions, ToolContext
from orchestrator.tracing import traced_turn
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import VlmToolCall
from orchestrator.wiring import Services
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.events import TurnProgress
from shared.imaging import parse_data_url
from shared.process_log import add_names


@dataclass(frozen=True)
class Context:
    """What a response starts from."""

    conversation: Conversation
    earlier: tuple[Listed, ...] = ()
    """The items of the responses before it, as they are listed."""
    new: list[Listed] = field(default_factory=list)
    """The items that the request brings in."""
    place: ConversationTurn | None = None
    """Where it stands in a conversation that is kept."""


async def context_of(
    body: ContextRequest, services: Services, owner: str, remembered: ResponseRecord | None = None
) -> Context:
    """The conversation that a request goes on with; `remembered` is a response that need not be in the records.

    Raises:
        UnknownModel, InvalidRequest: something that it names is not there, or cannot be used.
    """
    check_model(body.model)
    check_image_model(body.image_tool and body.image_tool.model, "tools")
    previous = remembered
    if previous is None or previous.id != body.previous_response_id:
        previous = await _previous(body.previous_response_id, services, owner)
    kept = await _kept(body.conversation_id, services, owner)
    reader = kept.reader if kept else reader_of(previous.items if previous else (), services, owner)
    await reader.read(body.input, complete=not isinstance(body, CompactRequest))
    _check_choice(body, reader.conversation)
    if kept is not None:
        asked = kept.added()
        place = ConversationTurn(seen=kept.seen, asked=asked, before=len(reader.conversation.items))
        return Context(reader.conversation, kept.listed, list(asked.listed), place)
    earlier = (*previous.input, *previous.body["output"]) if previous else ()
    return Context(reader.conversation, earlier, reader.listed)


async def _kept(conversation_id: str | None, services: Services, owner: str) -> KeptConversation | None:
    if conversation_id is None:
        return None
    try:
        return await open_conversation(conversation_id, services, owner)
    except NotFound as error:
        error.param = "conversation"
        raise


async def _previous(response_id: str | None, services: Services, owner: str) -> ResponseRecord | None:
    if response_id is None:
        return None
    try:
        previous = await asyncio.to_thread(services.responses.get, response_id, owner)
    except NotFound:
        message = f"Previous response with id {response_id[:80]!r} not found."
        raise InvalidRequest(message, code="previous_response_not_found", param="previous_response_id") from None
    if previous.running:
        raise Conflict("The previous response is still running. Wait for it, or cancel it.")
    return previous


async def start(
    body: ResponseRequest,
    services: Services,
    owner: str,
    remembered: ResponseRecord | None = None,
    *,
    unheard: bool = False,
) -> ResponseRun:
    """Begin to answer; what must last is in the records when this returns. Raises what `context_of` raises.

    `unheard`: nobody learns of it before it has ended.
    """
    context = await context_of(body, services, owner, remembered)
    options = await _painting(body, context.conversation, services, owner)
    given_in(body, context.conversation, services)
    response = new_response(new_item_id("resp"), body)
    add_names(response_id=response["id"])
    place = context.place
    record = ResponseRecord(
        id=response["id"],
        owner=owner,
        created_at=time.time(),
        body=response,
        input=(*context.earlier, *context.new),
        items=context.conversation.items,
        begun=Begun(request=_request_of(body), painting=asdict(options), place=place and place.model_dump(mode="json")),
    )
    recording: Recording = Unrecorded()
    if body.stored:
        beside = place and place.beginning(record.id)
        await asyncio.to_thread(services.responses.add, record, context.new, ALIVE_S, beside)
        recording = services.recorded(record, Attempt(record.id, 1))
    shaping = stream_of(body, copy.deepcopy(response), services)
    tools = tool_context(options, context.conversation, services, owner)
    run = ResponseRun(
        record,
        turn=services.turns.start(traced_turn(loop_of(body, tools, services).run()), paced=body.stored),
        shaping=shaping,
        opening=shaping.opening(),
        tools=tools,
        ledger=services.ledger,
        recording=recording,
        place=place,
        unheard=unheard,
    )
    services.runs.add(run)
    return run


def _request_of(body: ResponseRequest) -> Listed:
    """What must be known of a request to go on with it. Its input stands in the conversation."""
    return body.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"input"})


async def _painting(
    body: ResponseRequest, conversation: Conversation, services: Services, owner: str
) -> PaintingOptions:
    """What the request says of pictures, its mask decoded. Raises InvalidRequest."""
    tool = body.image_tool
    if tool is not None and tool.action == "edit" and not conversation.images:
        raise InvalidRequest("There is no picture to edit: send one, or leave action out.", param="tools")
    if tool is None or tool.input_image_mask is None:
        return body.painting
    try:
        mask = await _mask(tool.input_image_mask, services, owner)
        await asyncio.to_thread(_check_size, mask, conversation)
    except InvalidRequest as error:
        error.param = "tools"
        raise
    return replace(body.painting, mask=mask)


def _check_size(mask: str, conversation: Conversation) -> None:
    """Raise InvalidRequest where no picture has the mask's size, so that it could not serve."""
    store = conversation.store
    if size_in(store, mask) not in {size_in(store, artifact) for artifact in conversation.images.values()}:
        raise InvalidRequest("The mask must have the same width and height as the picture that it is for.")


async def _mask(mask: ImageMask, services: Services, owner: str) -> str:
    """Its artifact id. Raises NotFound, InvalidImage, RemoteImageRefused."""
    if mask.file_id is None:
        return await services.uploads.keep_mask(parse_data_url(mask.image_url or "")[1])
    record = await asyncio.to_thread(services.files.records.get, mask.file_id, owner)
    return await services.uploads.keep_mask(await services.files.original(record))


def tool_context(options: PaintingOptions, conversation: Conversation, services: Services, owner: str) -> ToolContext:
    return ToolContext(
        conversation=conversation,
        dispatcher=services.dispatcher,
        links=services.links,
        options=options,
        owner=owner,
        job_s=services.settings.job_s,
        result_chars=services.settings.result_chars,
    )


def _check_choice(body: ContextRequest, conversation: Conversation) -> None:
    """Raise InvalidRequest where the tool that must be called cannot be, because there is no picture for it."""
    functions = body.functions
    if functions.first and not functions.offer(conversation, first=True).tools:
        raise InvalidRequest("tool_choice: this tool needs a picture, and there is none.", param="tool_choice")


def given_in(body: ResponseRequest, conversation: Conversation, services: Services) -> VlmToolCall | None:
    """The call that the request gives. Raises InvalidRequest."""
    given = body.diptych and body.diptych.call
    return tool_call(given, conversation, services.links) if given else None


def loop_of(
    body: ResponseRequest,
    tools: ToolContext,
    services: Services,
    *,
    begun: TurnProgress | None = None,
    cut: str = "",
) -> AgentLoop:
    """A request's turn, from its beginning or from where another process left it."""
    settings = services.settings
    calls = min(settings.max_calls, body.max_tool_calls or settings.max_calls)
    bounds = Bounds(settings.max_steps, calls, settings.max_format_errors, settings.turn_s)
    return AgentLoop(
        services.vlm,
        tools,
        body.sampling,
        bounds,
        body.functions.leaving_out(services.settings.left_out),
        reading=TurnReading(services.planner, tools.conversation, tools.owner),
        instructions=body.instructions or "",
        truncate=body.truncation == "auto",
        given=given_in(body, tools.conversation, services),
        begun=begun,
        cut=cut,
    )


def stream_of(body: ResponseRequest, response: dict[str, Any], services: Services) -> ResponseStream:
    extended = body.diptych is not None
    return ResponseStream(
        response=response,
        pictures=Pictures(services.store),
        images=ImageForm(body.image_tool, response["id"], extended) if body.image_tool else None,
        hosted=frozenset(own for tool in body.tools if isinstance(tool, HostedTool) for own in HOSTED[tool.type]),
        extended=extended,
        only_json=body.text.response_format is not None,
    )
