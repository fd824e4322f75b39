"""The tool that shows the VLM a part of a picture enlarged, so that more of its patches fall on the same detail."""

import asyncio
import io
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from PIL import Image
from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.tools.base import Arguments, Outcome, ToolContext, box_in, schema_with_images
from shared.artifacts import ArtifactStore
from shared.events import JobEvent
from shared.imaging import open_own
from shared.jobs import Box

PATCH = 32
"""Sides of what is shown are whole multiples of this: of every common patch size (8, 16, 32)."""
LONGEST = 1024
"""Of the longer side of what is shown, in pixels: as much as most models take in without scaling down."""
LARGEST_SCALE = 8
"""Beyond this, enlarging shows nothing but the resampling."""


class LookCloserArguments(Arguments):
    image: str = Field(description="Handle of the picture to look at.")
    box: list[int] = Field(
        min_length=4, max_length=4, description="Left, top, right, bottom of the part, in pixels of the picture."
    )


class LookCloserTool:
    name: ClassVar[str] = "look_closer"
    description: ClassVar[str] = (
        "Enlarge a detail that is too small to be seen. Call it when a question is about a small part of a picture of "
        "this conversation. The enlarged part comes back as a picture that you can see; the user does not see it. For "
        "words and numbers use read_text instead."
    )
    arguments: ClassVar[type[Arguments]] = LookCloserArguments
    item_prefix: ClassVar[str] = "lc"

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        return schema_with_images(self.arguments, conversation)

    async def run(
        self, context: ToolContext, arguments: LookCloserArguments
    ) -> AsyncGenerator[JobEvent | Outcome, None]:
        source = context.picture(arguments.image)
        box = box_in(context, source, arguments.box)
        artifact, size = await asyncio.to_thread(enlarged, context.conversation.store, source, box)
        made = context.conversation.add_picture(artifact, seen=True)
        told = {"image": made.handle, "part_of": arguments.image, "box": arguments.box}
        yield Outcome(told=told | {"width": size[0], "height": size[1]}, picture=made)


def enlarged(store: ArtifactStore, source: str, box: Box) -> tuple[str, tuple[int, int]]:
    """The artifact of a part of a picture, its sides whole multiples of PATCH, and its width and height. Blocks."""
    part = open_own(store.get(source)).crop(box)
    scale = min(LONGEST / max(part.size), LARGEST_SCALE)
    width, height = (max(round(side * scale / PATCH), 1) * PATCH for side in part.size)
    out = io.BytesIO()
    part.resize((width, height), Image.Resampling.LANCZOS).save(out, "PNG", compress_level=1)
    return store.put(out.getvalue(), "image/png"), (width, height)
