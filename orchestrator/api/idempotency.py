"""`Idempotency-Key` on every POST: a repeat gets the first answer again, byte for byte, streams too.

After draft-ietf-httpapi-idempotency-key-header: a repeat while the first still runs is 409, the key with another body
422. Only successes are kept: what failed may be tried again with its key. A request with a key runs to its end even
when its client leaves, since that client will come back for the answer. Knows no route.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.errors import error_response
from orchestrator.records.idempotency import Answer, Claim, IdempotencyRecords, Mismatch, Running
from orchestrator.wiring import owner_of, services_of
from shared.errors import Unauthorized

KEY = re.compile(r"[\x21-\x7e]{1,255}")
LEASE_S = 15.0
MAX_KEPT = 64 * 1024 * 1024
IN_USE = "A request with this Idempotency-Key is still running. Wait for it, then ask again with the same key."
OTHER_REQUEST = "This Idempotency-Key was used for a different request. Use a new key for each new request."
NOT_KEPT = "The request with this Idempotency-Key succeeded, but its answer was too large to keep. It was not repeated."
BAD_KEY = "An Idempotency-Key has 1 to 255 printable ASCII characters, without spaces."


class Idempotency:
    """ASGI middleware. Needs the application's services, and the body's limit outside of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key_of(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            owner = owner_of(request)
        except Unauthorized:  # the route says so
            await self._app(scope, receive, send)
            return
        response = await self._respond(request, owner, key, send)
        if response is not None:
            await response(scope, receive, send)

    async def _respond(self, request: Request, owner: str, key: str, send: Send) -> Response | None:
        """Runs the request where it is the first with its key; else what its repeat is answered."""
        if not KEY.fullmatch(key):
            return error_response(400, "invalid_idempotency_key", BAD_KEY)
        records = services_of(request).idempotency
        try:
            body = await request.body()
        except ClientDisconnect:
            return None
        fingerprint = _fingerprint(request, body)
        found = await asyncio.to_thread(records.claim, owner, key, fingerprint, LEASE_S)
        if isinstance(found, Claim):
            await self._run(request.scope, body, _Recording(send, records, found))
            return None
        if isinstance(found, Running):
            response = error_response(409, "idempotency_key_in_use", IN_USE)
            response.headers["Retry-After"] = "1"
            return response
        if isinstance(found, Mismatch):
            return error_response(422, "idempotency_key_reused", OTHER_REQUEST)
        return _replay(found)

    async def _run(self, scope: Scope, body: bytes, recording: "_Recording") -> None:
        async with recording.kept_alive():
            await self._app(scope, _body_once(body), recording.send)


class _Recording:
    """Hands an answer on and keeps it; its last piece goes out once it is kept."""

    def __init__(self, send: Send, records: IdempotencyRecords, claim: Claim) -> None:
        self._send, self._records, self._claim = send, records, claim
        self._start: Message = {}
        self._body: list[bytes] | None = []
        self._size = 0
        self._ended = False

    @contextlib.asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Renews the lease; what has not ended by then frees its key."""
        beat = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beat.cancel()
            if not self._ended:
                await asyncio.shield(asyncio.to_thread(self._records.release, self._claim))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._take(message.get("body", b""))
            if not message.get("more_body", False) and 200 <= self._start["status"] < 300:
                await self._finish()
        with contextlib.suppress(OSError):  # the client has left: it will ask again
            await self._send(message)

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_KEPT:
            self._body = None
        elif self._body is not None:
            self._body.append(piece)

    async def _finish(self) -> None:
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._start["headers"]]
        body = None if self._body is None else b"".join(self._body)
        await asyncio.to_thread(self._records.finish, self._claim, Answer(self._start["status"], headers, body))
        self._ended = True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await asyncio.to_thread(self._records.renew, self._claim, LEASE_S)


def _key_of(scope: Scope) -> str | None:
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    return Request(scope).headers.get("idempotency-key")


def _fingerprint(request: Request, body: bytes) -> str:
    """What a repeat must have in common; a form's boundary, made anew each time, is not part of it."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    plain = body.replace(boundary, b"") if boundary else body
    digest = hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode() + kind + b"\n")
    digest.update(plain)
    return digest.hexdigest()


def _body_once(body: bytes) -> Callable[[], Awaitable[Message]]:
    """The body that was read already; after it nothing comes, not even that the client leaves."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            await asyncio.get_running_loop().create_future()
        return messages.pop()

    return receive


def _replay(answer: Answer) -> Response:
    if answer.body is None:
        return error_response(409, "idempotent_answer_not_kept", NOT_KEPT)
    response = Response(answer.body, status_code=answer.status)
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    response.headers["Idempotent-Replayed"] = "true"
    return response
