"""`X-Request-ID` on every answer: the client's own where it sent a sane one, else a new one."""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.process_log import named

HEADER = "X-Request-ID"
SANE = re.compile(r"[\w.:-]{1,128}", re.ASCII)


class RequestIds:
    """ASGI middleware; add it last, so that the refusals of all others have an id too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if SANE.fullmatch(given) else f"req_{secrets.token_hex(16)}"
        scope.setdefault("state", {})["request_id"] = request_id

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with named(request_id=request_id):
            await self._app(scope, receive, answered)
