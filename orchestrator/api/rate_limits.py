"""A bound on requests that are answered at a time, for each key, told in OpenAI's rate-limit headers."""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.errors import RETRY_AFTER_S, error_response
from orchestrator.wiring import key_owner, services_of
from shared.errors import Overloaded

BOUNDED = frozenset(
    {"/v1/chat/completions", "/v1/responses", "/v1/responses/compact", "/v1/images/generations", "/v1/images/edits"}
)
"""Paths whose POSTs have models work."""
LIMIT, REMAINING, RESET = (f"x-ratelimit-{name}-requests" for name in ("limit", "remaining", "reset"))


class RateLimits:
    """ASGI middleware. Needs the application's services."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in BOUNDED:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        seats, owner = services_of(request).seats, key_owner(request, services_of(request).settings)
        if owner is None:  # the route says so
            await self._app(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                left = seats.left(owner)
                headers = MutableHeaders(scope=message)
                headers[LIMIT], headers[REMAINING] = str(seats.bound), str(left)
                headers[RESET] = "0s" if left else f"{RETRY_AFTER_S[429]}s"
            await send(message)

        try:
            with seats.taken(owner):
                await self._app(scope, receive, told)
        except Overloaded as error:
            await error_response(error.status, error.code, error.message)(scope, receive, told)
