"""`GET /v1/models`: the one model that is served here, which is the whole house."""

from typing import Any

from fastapi import APIRouter

from orchestrator.wiring import OwnerDep
from shared.errors import UnknownModel

MODEL = "diptych"
router = APIRouter()


def check_model(name: str) -> None:
    """Raises UnknownModel."""
    if name != MODEL:
        raise UnknownModel(f"The model {name[:80]!r} is not served here. Ask for {MODEL!r}.", param="model")


@router.get("/v1/models")
async def list_models(_owner: OwnerDep) -> dict[str, Any]:
    """The models that can be asked for."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "diptych"}]}
