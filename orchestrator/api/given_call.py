"""An extension of `/v1/responses`: a call of the painter that the person gives, made as it stands without the VLM."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from orchestrator.api.body import Body, DiptychOptions, Text
from orchestrator.conversation import Conversation
from orchestrator.links import Links
from orchestrator.vlm.client import VlmToolCall
from shared.errors import InvalidRequest

Side = Annotated[int, Field(ge=0)]


class GivenCall(Body):
    name: Literal["generate_image", "edit_image"]
    prompt: Annotated[Text, Field(min_length=1, max_length=4000)]
    image_url: str | None = None
    """Of an edit: which picture of the conversation, by its link."""
    box: Annotated[list[Side], Field(min_length=4, max_length=4)] | None = None
    """Of an edit: left, top, right, bottom of what may change. A mask goes in the tool `image_generation`."""

    @model_validator(mode="after")
    def _edits_have_a_picture(self) -> Self:
        if (self.name == "edit_image") != (self.image_url is not None):
            raise ValueError("edit_image needs the image_url of a picture, generate_image takes none")
        if self.box is not None and self.image_url is None:
            raise ValueError("a box is for edit_image")
        return self


class ResponseOptions(DiptychOptions):
    """The extension object, with what only responses have."""

    call: GivenCall | None = None
    """The answer is this call's picture, and nothing else: the VLM is not asked."""


def tool_call(given: GivenCall, conversation: Conversation, links: Links) -> VlmToolCall:
    """The call as the VLM would have made it. Raises InvalidRequest where its picture is not in the conversation."""
    arguments: dict[str, Any] = {"prompt": given.prompt}
    if given.image_url is not None:
        arguments["image"] = _handle(given.image_url, conversation, links)
    if given.box is not None:
        arguments["box"] = given.box
    return VlmToolCall(call_id="given", name=given.name, arguments=json.dumps(arguments))


def _handle(link: str, conversation: Conversation, links: Links) -> str:
    artifact = links.artifact_of(link)
    for handle, known in conversation.images.items():
        if known == artifact:
            return handle
    raise InvalidRequest(
        "diptych.call: this picture is not in the conversation. Send it along, or name it by its link.", param="diptych"
    )
