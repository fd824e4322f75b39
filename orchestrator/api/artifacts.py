"""`GET /v1/artifacts/{id}`: a picture, for whoever has its signed link, or the key."""

import asyncio

from fastapi import APIRouter, Request, Response

from orchestrator.wiring import ServicesDep, key_owner
from shared.artifacts import MEDIA_TYPES, media_type_of

router = APIRouter()
HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",  # the id is the hash of the content
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}


BYTES = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/v1/artifacts/{artifact_id}",
    response_class=Response,
    responses={200: {"description": "The bytes.", "content": dict.fromkeys(MEDIA_TYPES.values(), BYTES)}},
)
async def get_artifact(artifact_id: str, request: Request, services: ServicesDep, sig: str = "") -> Response:
    """The bytes of an artifact."""
    if sig or key_owner(request, services.settings) is None:
        services.links.check(artifact_id, sig)
    data = await asyncio.to_thread(services.store.get, artifact_id)
    return Response(data, media_type=media_type_of(artifact_id), headers=HEADERS)
