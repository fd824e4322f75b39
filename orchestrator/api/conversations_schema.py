"""What the Conversations API takes and answers."""

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.api.body import Body
from orchestrator.api.responses_document import Answered
from orchestrator.api.responses_document import InputItem as ListedItem
from orchestrator.api.responses_input import InputItem
from orchestrator.api.responses_schema import Metadata

MAX_ITEMS = 20
Includable = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]
"""What OpenAI's clients may ask for beside. Of these only links to pictures exist here, and they are always there."""


class NewConversation(Body):
    items: Annotated[list[InputItem], Field(max_length=MAX_ITEMS)] | None = None
    metadata: Metadata | None = None


class NewMetadata(Body):
    metadata: Metadata | None
    """Takes the place of all that there was."""


class NewItems(Body):
    items: list[InputItem] = Field(min_length=1, max_length=MAX_ITEMS)


class ConversationObject(Answered):
    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int
    metadata: dict[str, str]
    running_response_id: str | None
    """An extension: the response that is being given in it now, which can be followed and stopped by that id."""
    unkept_response_id: str | None
    """An extension: the last response, where it failed or was cancelled and nothing was added since."""


class ConversationEntry(ConversationObject):
    title: str | None
    """`metadata.title`, or else the first words of the first user message that has any."""
    last_active_at: int
    """When something was last added to it."""


class ConversationList(Answered):
    object: Literal["list"] = "list"
    data: list[ConversationEntry]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ConversationDeleted(Answered):
    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class ItemList(Answered):
    object: Literal["list"]
    data: list[ListedItem]
    first_id: str | None
    last_id: str | None
    has_more: bool


Limit = Annotated[int, Field(ge=1, le=100)]
Order = Literal["asc", "desc"]
