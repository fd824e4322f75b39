"""Refuses addresses that hold a NUL character: nothing has such a name, and PostgreSQL cannot even look for it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.errors import error_response

REFUSED = error_response(400, "invalid_request", "The address holds a NUL character (%00). Leave it out.")


class PlainAddresses:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            await REFUSED(scope, receive, send)
        else:
            await self._app(scope, receive, send)
