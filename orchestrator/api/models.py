"""`/v1/models`: the one model that is served here, which is the whole house."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from orchestrator.image_models import IMAGE_MODELS
from orchestrator.wiring import OwnerDep
from shared.errors import UnknownModel

MODEL = "diptych"
router = APIRouter()


class Model(BaseModel):
    """A model as OpenAI's clients know it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


HOUSE = Model(id=MODEL, created=0, owned_by="diptych")


def check_model(name: str) -> None:
    """Raises UnknownModel."""
    if name != MODEL:
        raise UnknownModel(f"The model {name[:80]!r} is not served here. Ask for {MODEL!r}.", param="model")


@router.get("/v1/models")
async def list_models(_owner: OwnerDep) -> ModelList:
    """The models that can be asked for."""
    return ModelList(data=[HOUSE])


@router.get("/v1/models/{model}")
async def get_model(model: str, _owner: OwnerDep) -> Model:
    """One of them; the names of OpenAI's image models are other names of the painter."""
    if model in IMAGE_MODELS:
        return HOUSE.model_copy(update={"id": model})
    check_model(model)
    return HOUSE
