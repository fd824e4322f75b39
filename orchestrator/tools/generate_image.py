"""The tool that has a picture painted."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.tools.base import Arguments, Outcome, ToolContext, schema_of
from shared.events import JobEvent, JobFinished
from shared.jobs import GeneratedImage, GenerateImage


class GenerateImageArguments(Arguments):
    prompt: str = Field(min_length=1, max_length=4000, description="What the picture shows, in plain words.")
    negative_prompt: str = Field(default="", max_length=4000, description="What the picture must not show.")


class GenerateImageTool:
    name: ClassVar[str] = "generate_image"
    description: ClassVar[str] = (
        "Paint a new picture from a description. Call it whenever the user wants a picture drawn, painted, made or "
        "imagined. The picture is shown to the user by itself. The result names words that the painter does not know: "
        "tell the user, with {{image_1:unknown}} standing for them."
    )
    arguments: ClassVar[type[Arguments]] = GenerateImageArguments
    item_prefix: ClassVar[str] = "ig"

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        return schema_of(self.arguments)

    async def run(
        self, context: ToolContext, arguments: GenerateImageArguments
    ) -> AsyncGenerator[JobEvent | Outcome, None]:
        options = context.options
        work = GenerateImage(
            prompt=arguments.prompt,
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
        async for event in context.run_job(work):
            yield event
            if isinstance(event, JobFinished) and isinstance(event.output, GeneratedImage):
                made = context.conversation.add_picture(event.output.artifact, unknown_words=event.output.unknown_words)
                told = {"image": made.handle} | told_of(event.output)
                yield Outcome(told=told, picture=made, alt=arguments.prompt)


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
