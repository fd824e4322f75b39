"""Requests into model inputs, with their exact token counts. Knows processors; knows no grammar, no HTTP."""

import threading
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from services.vlm.chat import ChatReader, Conversation, parts_of
from services.vlm.loading import LoadedVlm
from services.vlm.request import ChatRequest, Message, TextPart
from shared.errors import ContextTooLong, InvalidRequest


@dataclass(frozen=True)
class Prompt:
    """What the model is given.

    Attributes:
        inputs: the processor's output; `input_ids` has shape (1, prompt_tokens).
        image_tokens: the part of prompt_tokens that are image patches.
        max_tokens: how long the answer may be.
    """

    inputs: Any
    prompt_tokens: int
    image_tokens: int
    max_tokens: int


class PromptMaker:
    """Makes prompts for one model. May be called from several threads."""

    def __init__(self, vlm: LoadedVlm, reader: ChatReader, default_tokens: int, longest_token: int) -> None:
        """`longest_token`: characters of the longest token; text that must be too long is refused unread."""
        self._vlm = vlm
        self._reader = reader
        self._default_tokens = default_tokens
        self._most_characters = vlm.context * max(longest_token, 1)
        self._lock = threading.Lock()  # fast tokenizers keep settings in themselves and refuse to be shared

    def make(self, request: ChatRequest) -> Prompt:
        """The prompt of a request.

        Raises:
            ContextTooLong: prompt and answer do not fit the model.
            InvalidRequest: the messages, or an image, cannot be used.
        """
        characters = sum(text_length(message) for message in request.messages)
        if characters > self._most_characters:
            raise ContextTooLong(
                f"The messages have {characters} characters; the model takes {self._vlm.context} tokens. "
                "Shorten the conversation.",
                param="messages",
            )
        pictures = self._reader.pictures(request)
        with self._lock:
            inputs = self._process(self._reader.read(request, pictures))
        ids = inputs["input_ids"]
        return Prompt(
            inputs=inputs.to(self._vlm.device, dtype=self._vlm.dtype),
            prompt_tokens=ids.shape[1],
            image_tokens=self._count_image_tokens(ids),
            max_tokens=self._room(ids.shape[1], request.token_limit),
        )

    def _process(self, conversation: Conversation) -> Any:
        try:
            return self._vlm.processor.apply_chat_template(
                conversation.messages,
                tools=conversation.tools,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        except TemplateError:
            raise InvalidRequest(
                "This model's chat template refuses the conversation. Check the roles and their order.",
                param="messages",
            ) from None
        except (ValueError, TypeError, IndexError, KeyError):
            raise InvalidRequest(
                "This model's processor refuses the conversation. Check where its images and tool calls stand.",
                param="messages",
            ) from None

    def _count_image_tokens(self, ids: Any) -> int:
        return 0 if self._vlm.image_token_id is None else int((ids == self._vlm.image_token_id).sum())

    def _room(self, prompt_tokens: int, wanted: int | None) -> int:
        room = self._vlm.context - prompt_tokens
        if room < (wanted or 1):
            raise ContextTooLong(
                f"The prompt has {prompt_tokens} tokens and the answer may have {wanted or self._default_tokens}; "
                f"the model takes {self._vlm.context} together. Shorten the conversation or lower max_tokens.",
                param="messages",
            )
        return wanted or min(self._default_tokens, room)


def text_length(message: Message) -> int:
    return sum(len(part.text) for part in parts_of(message) if isinstance(part, TextPart))
