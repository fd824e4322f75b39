"""Errors in the shape that OpenAI's clients expect: `{"error": {"message", "type", "param", "code"}}`.

Nothing internal leaves: what a person did not cause is one sentence here and a stack trace in the log.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.api.request_ids import HEADER
from shared.errors import DiptychError

RETRY_AFTER_S = {429: 5, 503: 10}
"""Seconds: a turn of somebody else's may be over by then; `up` has started a dead worker again."""
log = logging.getLogger(__name__)
FAULT = "Something went wrong inside Diptych. Its log has the details."
HTTP_SENTENCES = {
    400: ("invalid_request", "The request cannot be read. Send JSON, as /docs describes it."),
    404: ("not_found", "There is nothing at this address. See /docs for what there is."),
    405: ("method_not_allowed", "This address does not take that method. See /docs for what it takes."),
    413: ("request_too_large", "The request is too large. Send fewer or smaller images."),
}


ErrorType = Literal["authentication_error", "rate_limit_error", "invalid_request_error", "server_error"]


class ErrorObject(BaseModel):
    """What went wrong: `code` is for programs, `message` for people."""

    message: str
    type: ErrorType
    param: str | None
    code: str


class ErrorResponse(BaseModel):
    error: ErrorObject


DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorResponse, "description": "The request cannot be served; the error says why."},
    "5XX": {"model": ErrorResponse, "description": "A part of Diptych failed, or is not there."},
}
"""For the OpenAPI document: what every route may answer instead."""


def error_type(status: int) -> ErrorType:
    if status == 401:
        return "authentication_error"
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"


def error_body(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": error_type(status), "param": param, "code": code}}


def error_response(status: int, code: str, message: str, param: str | None = None) -> JSONResponse:
    headers = {"Retry-After": str(RETRY_AFTER_S[status])} if status in RETRY_AFTER_S else None
    return JSONResponse(error_body(status, code, message, param), status_code=status, headers=headers)


def _where(problem: Mapping[str, Any]) -> list[str]:
    """The path to a field, without the names that Pydantic has for the branches of a union."""
    places = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    return [place for place in places if "[" not in place or place.endswith("[]")]


def sentence_of(problems: Sequence[Mapping[str, Any]]) -> tuple[str, str | None]:
    """What is wrong with a body first, and where, in the words of OpenAI's own `param`."""
    field = _where(problems[0])[:1]
    # Of the branches of a union, the one that got furthest is the one that was meant.
    problem = max((problem for problem in problems if _where(problem)[:1] == field), key=lambda p: len(_where(p)))
    where = _where(problem)
    if problem["type"] == "json_invalid" and not isinstance(problem["loc"][-1], str):  # a place in the body's text
        return "The body is not valid JSON.", None
    param = ".".join(where) or None
    message = problem["msg"].removeprefix("Value error, ")
    return (f"{param}: {message}." if param else f"{message}."), param


class ShapeErrors:
    """ASGI middleware that gives the plain-text refusals of other middleware the shape of all our errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def shaped(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_refusal(message):
                replaced = True
                response = WRONG_HOST if message["status"] == 400 else _response_for(message["status"])
                await response(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._app(scope, receive, shaped)


def _is_plain_refusal(start: Message) -> bool:
    return start["status"] >= 400 and Headers(raw=start["headers"]).get("content-type", "").startswith("text/plain")


WRONG_HOST = error_response(
    400, "invalid_host", "This server does not go by that name. Use its own address, or set DIPTYCH_PUBLIC_URL."
)


def _response_for(status: int) -> JSONResponse:
    code, message = HTTP_SENTENCES.get(status, ("invalid_request", "The request cannot be served."))
    return error_response(status, code, message)


def install_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(DiptychError)
    async def diptych_error(_request: Request, error: DiptychError) -> JSONResponse:
        return error_response(error.status, error.code, error.message, error.param)

    @app.exception_handler(RequestValidationError)
    async def validation_error(_request: Request, error: RequestValidationError) -> JSONResponse:
        message, param = sentence_of(error.errors())
        return error_response(400, "invalid_request", message, param)

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> JSONResponse:
        response = _response_for(error.status_code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def fault(request: Request, error: Exception) -> JSONResponse:
        request_id = request.state.request_id
        log.error("request %s failed for a fault of our own", request_id, exc_info=error)
        response = error_response(500, "internal_error", FAULT)
        response.headers[HEADER] = request_id  # this answer is made outside of all middleware
        return response
