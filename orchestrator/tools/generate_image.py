"""The tool that has a picture painted."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.tools.base import Arguments, Outcome, ToolContext, schema_of
from orchestrator.tools.painted import painted, wanted_of
from orchestrator.wanted_words import WantedWords
from shared.events import JobEvent
from shared.jobs import GenerateImage


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
        wanted = wanted_of(context, arguments.prompt)
        work = work_of(context, arguments, wanted)
        async for event in painted(context, work, wanted, alt=arguments.prompt, told={}):
            yield event


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
