"""What the tools that paint have in common: the picture is made, its words are set, the VLM is told of both."""

from collections.abc import AsyncGenerator
from typing import Any

from orchestrator.conversation import Conversation
from orchestrator.items import Message
from orchestrator.lettering import paint_with_words
from orchestrator.tools.base import Outcome, ToolContext, ToolFailed
from orchestrator.tools.compose_text import told_read_back
from orchestrator.wanted_words import WantedWords, completed, wanted_words
from shared.events import JobEvent, JobFinished, PictureDone
from shared.jobs import EditImage, GeneratedImage, GenerateImage


def wanted_of(context: ToolContext, prompt: str) -> WantedWords | None:
    """The words that a VLM's prompt wants, where they are to be set."""
    return wanted_words(completed(prompt, said_last(context.conversation))) if context.options.lettering else None


async def painted(
    context: ToolContext, work: GenerateImage | EditImage, wanted: WantedWords | None, *, alt: str, told: dict[str, Any]
) -> AsyncGenerator[JobEvent | Outcome, None]:
    """The events of its jobs, and the Outcome. Raises ToolFailed where there is no picture.

    Args:
        alt: what the picture shows.
        told: what the VLM is told besides.
    """
    done: PictureDone | None = None
    unset: ToolFailed | None = None
    try:
        async for event in paint_with_words(work, wanted, context.run_job):
            if isinstance(event, PictureDone):
                done = event
                continue
            yield event
            if isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
                done = PictureDone(job_id=event.job_id, painted=event.output)
    except ToolFailed as failure:
        if done is None:
            raise
        unset = failure  # the painting is there, without its words
    assert done is not None  # noqa: S101 - it comes last
    picture = context.conversation.add_picture(done.artifact, unknown_words=done.painted.unknown_words)
    told = {"image": picture.handle} | told | told_of(done.painted) | told_of_words(done, wanted, unset)
    yield Outcome(told=told, picture=picture, alt=alt)


def said_last(conversation: Conversation) -> str:
    """What the person said last: the words that are wanted are exact there, whatever a VLM copied of them."""
    said = (item.text for item in reversed(conversation.items) if isinstance(item, Message) and item.role == "user")
    return next(said, "")


def told_of_words(done: PictureDone, wanted: WantedWords | None, unset: ToolFailed | None) -> dict[str, Any]:
    """What the VLM is told of the words in the picture, which it knows itself; nothing where none were wanted.

    In few words: small VLMs take a sentence among the values for something to be said.
    """
    if wanted is None:
        return {}
    if done.composed is None:
        return {"words": f"not_set: {unset.error.code}" if unset else "not_set"}
    return {"words": told_read_back(done.composed)}


def told_of(image: GeneratedImage) -> dict[str, Any]:
    """What the VLM is told of a picture that the painter made."""
    told: dict[str, Any] = {"width": image.width, "height": image.height, "seed": image.seed}
    if image.strength is None and (image.native_width, image.native_height) != (image.width, image.height):
        told["native_size"] = f"{image.native_width}x{image.native_height}"
    if image.tokens_dropped:
        told["note"] = "The prompt is longer than the painter can take in; its end had no effect."
    if image.unknown_words:
        told["unknown_words"] = image.unknown_words
    return told
