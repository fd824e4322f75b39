"""`/v1/responses` as a WebSocket, as Open Responses of 2026-04-24 has it: one turn after the other.

The last response is remembered while the connection lasts, so that one that is not stored can be continued.
"""

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from orchestrator.api.errors import error_body, error_response, sentence_of
from orchestrator.api.responses_pictures import Pictures
from orchestrator.api.responses_schema import ResponseRequest
from orchestrator.api.responses_start import start
from orchestrator.records.responses import ResponseRecord
from orchestrator.wiring import owner_of, services_of
from shared.errors import DiptychError, InvalidRequest

router = APIRouter()
LONGEST_S = 3600.0
RESTARTING = 1012
"""Of the WebSocket close codes: the service restarts."""
OF_HTTP = ("stream", "stream_options", "background")
"""Fields that only HTTP has a use for."""
TOO_LONG = "A connection lasts an hour at most. Open a new one."
FOREIGN = error_response(403, "invalid_origin", "A page of another site cannot open this connection.")


@router.websocket("/v1/responses")
async def respond(socket: WebSocket) -> None:
    """Answer each `response.create` in turn, until the client leaves."""
    try:
        owner = owner_of(socket)
    except DiptychError as error:
        await socket.send_denial_response(error_response(error.status, error.code, error.message))
        return
    if not _of_this_site(socket):
        await socket.send_denial_response(FOREIGN)
        return
    await socket.accept()
    session = _Session(socket, owner)
    try:
        while True:
            await session.turn(await asyncio.wait_for(socket.receive_text(), session.seconds_left))
    except TimeoutError:
        await session.refuse(InvalidRequest(TOO_LONG, code="websocket_connection_limit_reached"))
        await socket.close()
    except WebSocketDisconnect:
        return  # a turn that runs goes on: leaving is not cancelling


class _Session:
    """One connection."""

    def __init__(self, socket: WebSocket, owner: str) -> None:
        self._socket, self._owner, self._services = socket, owner, services_of(socket)
        self._opened = time.monotonic()
        self._last: ResponseRecord | None = None

    @property
    def seconds_left(self) -> float:
        return LONGEST_S - (time.monotonic() - self._opened)

    async def turn(self, message: str) -> None:
        """One response, whose events are sent as they come. A turn that fails forgets what it went on from."""
        try:
            with self._services.seats.taken(self._owner):
                run = await start(parsed(message), self._services, self._owner, self._last)
        except DiptychError as error:
            self._last = None
            await self.refuse(error)
            return
        pictures = Pictures(self._services.store)
        async for event in run.events.follow():
            await self._socket.send_text(json.dumps(await pictures.rendered(event), ensure_ascii=False))
        if run.record.running:  # this process is being stopped
            await self._socket.close(RESTARTING)
            raise WebSocketDisconnect(RESTARTING)
        self._last = None if run.record.body["status"] == "failed" else run.record

    async def refuse(self, error: DiptychError) -> None:
        body = error_body(error.status, error.code, error.message, error.param)
        await self._socket.send_text(json.dumps({"type": "error", "status": error.status} | body))


def parsed(message: str) -> ResponseRequest:
    """The request in a message. Raises InvalidRequest."""
    try:
        body: Any = json.loads(message)
    except (ValueError, RecursionError):
        raise InvalidRequest("The message is not valid JSON.") from None
    if not isinstance(body, dict) or body.pop("type", None) != "response.create":
        raise InvalidRequest("Send a JSON object with the type response.create.", param="type")
    for name in OF_HTTP:
        if name in body:
            raise InvalidRequest(f"{name}: this field has no place in a WebSocket's message.", param=name)
    try:
        return ResponseRequest.model_validate(body)
    except ValidationError as error:
        sentence, param = sentence_of(error.errors())
        raise InvalidRequest(sentence, param=param) from None


def _of_this_site(socket: WebSocket) -> bool:
    """Whether it comes from a program, or from a page of our own: browsers open sockets across sites without asking."""
    origin = socket.headers.get("origin")
    ours = {socket.headers.get("host"), urlsplit(services_of(socket).settings.base_url).netloc}
    return origin is None or urlsplit(origin).netloc in ours
