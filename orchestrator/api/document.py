"""What the OpenAPI document says of all routes at once, since middleware does it for them all."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestrator.api.request_ids import HEADER

REQUEST_ID = {
    "name": HEADER,
    "in": "header",
    "description": "A name for this request, to find it again; one that is not sane is replaced.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": (
        "Makes a repeat within 24 hours safe: it gets the first answer again, byte for byte; 409 while the first still "
        "runs, 422 for another request with the same key."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"},
}
ANSWERED_ID = {"description": "The request's name.", "schema": {"type": "string"}}


def install_document(app: FastAPI) -> None:
    """Makes `app.openapi` add what the routes themselves do not know."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
            for methods in app.openapi_schema["paths"].values():
                for method, operation in methods.items():
                    _complete(method, operation)
        return app.openapi_schema

    app.openapi = document


def _complete(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    parameters.append(REQUEST_ID)
    if method == "post":
        parameters.append(IDEMPOTENCY_KEY)
    for response in operation["responses"].values():
        response.setdefault("headers", {})[HEADER] = ANSWERED_ID
