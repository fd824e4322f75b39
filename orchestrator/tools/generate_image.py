"""The tool that has a picture painted."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.items import Message
from orchestrator.lettering import paint_with_words
from orchestrator.tools.base import Arguments, Outcome, ToolContext, ToolFailed, schema_of
from orchestrator.tools.compose_text import told_read_back
from orchestrator.wanted_words import WantedWords, completed, wanted_words
from shared.events import JobEvent, JobFinished, PictureDone
from shared.jobs import GeneratedImage, GenerateImage


class GenerateImageArguments(Arguments):
    prompt: str = Field(
        min_length=1,
        max_length=4000,
        description="What the picture shows, in plain words. Words that shall stand in it are put in quotes and set "
        'exactly: a sign that says "OPEN".',
    )
    negative_prompt: str = Field(default="", max_length=4000, description="What the picture must not show.")


class GenerateImageTool:
    name: ClassVar[str] = "generate_image"
    description: ClassVar[str] = (
        "Paint a new picture from a description. Call it whenever the user wants a picture drawn, painted, made or "
        "imagined. The picture is shown to the user by itself. The result names words that the painter does not know: "
        "tell the user, with {{image_1:unknown}} standing for them. Words in quotes in the prompt are set as type; the "
        "result's words says whether OCR reads them back (exact), or what it reads, or not_checked or not_set: tell "
        "the user where it is not exact."
    )
    arguments: ClassVar[type[Arguments]] = GenerateImageArguments
    item_prefix: ClassVar[str] = "ig"

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        return schema_of(self.arguments)

    async def run(
        self, context: ToolContext, arguments: GenerateImageArguments
    ) -> AsyncGenerator[JobEvent | Outcome, None]:
        wanted = None
        if context.options.lettering:
            wanted = wanted_words(completed(arguments.prompt, said_last(context.conversation)))
        done: PictureDone | None = None
        unset: ToolFailed | None = None
        try:
            async for event in paint_with_words(work_of(context, arguments, wanted), wanted, context.run_job):
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
        told = {"image": picture.handle} | told_of(done.painted) | told_of_words(done, wanted, unset)
        yield Outcome(told=told, picture=picture, alt=arguments.prompt)


def work_of(context: ToolContext, arguments: GenerateImageArguments, wanted: WantedWords | None) -> GenerateImage:
    """What is painted."""
    options = context.options
    return GenerateImage(
        prompt=wanted.rest if wanted else arguments.prompt,
        negative_prompt=options.negative_prompt or arguments.negative_prompt,
        seed=options.fixed_seed,
        fast=options.fast,
        steps=options.steps,
        guidance_scale=options.guidance_scale,
        width=options.width,
        height=options.height,
        best_of=options.best_of,
        painter=options.painter,
        loras=options.loras,
        fresh=options.fresh,
    )


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
