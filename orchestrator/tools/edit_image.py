"""The tool that has a picture changed: all of it, or inside a box. The source keeps its own handle."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.lettering import words_apart
from orchestrator.pictures import size_in
from orchestrator.tools.base import Arguments, Outcome, ToolContext, box_in, schema_with_images
from orchestrator.tools.painted import painted, wanted_of
from shared.events import JobEvent
from shared.jobs import EditImage


class EditImageArguments(Arguments):
    image: str = Field(description="Handle of the picture to change.")
    prompt: str = Field(
        min_length=1,
        max_length=4000,
        description="What the whole picture shows afterwards, in plain words; with a box, what is inside it. Words "
        'that shall stand in it are put in quotes and set exactly: a sign that says "OPEN".',
    )
    strength: float | None = Field(
        default=None, gt=0, le=1, description="How much changes: 0.4 a little, 0.8 much (usual), 1 everything."
    )
    box: list[int] | None = Field(
        default=None,
        min_length=4,
        max_length=4,
        description="Left, top, right, bottom in pixels: only inside of it may something change.",
    )


class EditImageTool:
    name: ClassVar[str] = "edit_image"
    description: ClassVar[str] = (
        "Change an existing picture, keeping the rest of it. Call it when the user wants something changed, added, "
        "removed or restyled in a picture of this conversation. The new picture is shown to the user by itself and has "
        "a handle of its own. Words in quotes in the prompt are set as type; the result's words says whether OCR reads "
        "them back (exact), or what it reads, or not_checked or not_set: tell the user where it is not exact."
    )
    arguments: ClassVar[type[Arguments]] = EditImageArguments
    item_prefix: ClassVar[str] = "ig"

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        return schema_with_images(self.arguments, conversation)

    async def run(
        self, context: ToolContext, arguments: EditImageArguments
    ) -> AsyncGenerator[JobEvent | Outcome, None]:
        source, options = context.picture(arguments.image), context.options
        box = None if arguments.box is None else box_in(context, source, arguments.box)
        mask = options.mask
        if mask is not None and size_in(context.conversation.store, mask) != size_in(
            context.conversation.store, source
        ):
            mask = None  # it was made for another picture
        work = EditImage(
            prompt=arguments.prompt,
            negative_prompt=options.negative_prompt or "",
            seed=options.fixed_seed,
            fast=options.fast,
            steps=options.steps,
            guidance_scale=options.guidance_scale,
            painter=options.painter,
            loras=options.loras,
            fresh=options.fresh,
            source=source,
            strength=options.strength or arguments.strength,
            box=None if mask else box,
            mask=mask,
        )
        wanted = wanted_of(context, arguments.prompt)
        work, wanted = await asyncio.to_thread(words_apart, work, wanted, context.conversation.store)
        async for event in painted(context, work, wanted, alt=arguments.prompt, told={"edited": arguments.image}):
            yield event
