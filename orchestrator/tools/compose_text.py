"""The tool that has exact words set over a picture. The source keeps its own handle."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from pydantic import Field

from orchestrator.conversation import Conversation
from orchestrator.tools.base import Arguments, Outcome, ToolContext, box_in, schema_with_images
from shared.events import JobEvent, JobFinished
from shared.text_jobs import Align, ComposeText, FontName, Position, TextComposed


class ComposeTextArguments(Arguments):
    image: str = Field(description="Handle of the picture that the words are set over.")
    text: str = Field(
        min_length=1, max_length=1000, description="The exact words, in any language; \\n begins a new line."
    )
    box: list[int] | None = Field(
        default=None,
        min_length=4,
        max_length=4,
        description="Left, top, right, bottom in pixels: where the words stand. Leave it out to use position.",
    )
    position: Position = Field(
        default="centre", description="Where, without a box; calm: where the picture has the fewest edges."
    )
    font: FontName | None = Field(default=None, description="Left out: the most legible.")
    size: int | None = Field(
        default=None, ge=8, le=2000, description="Of the letters, in pixels; left out: as large as fits."
    )
    colour: str | None = Field(
        default=None, pattern=r"^#[0-9a-fA-F]{6}$", description="As #rrggbb; left out: one that can be read there."
    )
    outline: bool | None = Field(default=None, description="Left out: only where it takes one to read the words.")
    plate: bool | None = Field(default=None, description="A plain ground; left out: where the words need one.")
    align: Align = Field(default="centre", description="Of several lines.")
    rotation: float = Field(default=0, ge=-180, le=180, description="Degrees anticlockwise.")


class ComposeTextTool:
    name: ClassVar[str] = "compose_text"
    description: ClassVar[str] = (
        "Set exact words over a picture of this conversation: a title, a caption, a sign, a label. Painted letters "
        "come out wrong, so call this for every word that shall be read; paint the picture first, without words. The "
        "new picture is shown to the user by itself and has a handle of its own."
    )
    arguments: ClassVar[type[Arguments]] = ComposeTextArguments
    item_prefix: ClassVar[str] = "ig"

    def parameters(self, conversation: Conversation) -> dict[str, Any] | None:
        return schema_with_images(self.arguments, conversation)

    async def run(
        self, context: ToolContext, arguments: ComposeTextArguments
    ) -> AsyncGenerator[JobEvent | Outcome, None]:
        source = context.picture(arguments.image)
        box = None if arguments.box is None else box_in(context, source, arguments.box)
        values = arguments.model_dump(exclude={"image", "box"})
        async for event in context.run_job(ComposeText(source=source, box=box, **values)):
            yield event
            if isinstance(event, JobFinished) and isinstance(event.output, TextComposed):
                made = context.conversation.add_picture(event.output.artifact)
                told = {"image": made.handle, "lettered": arguments.image} | told_of(event.output)
                yield Outcome(told=told, picture=made, alt=" ".join(arguments.text.split()))


def told_of(output: TextComposed) -> dict[str, Any]:
    """What the VLM is told of words on a picture."""
    told = output.lettering.model_dump(exclude={"text"}, exclude_none=True) | {"read_back": told_read_back(output)}
    if not output.lettering.legible:
        told["note"] = "The colour is hard to read there. Leave colour and outline out, or choose another place."
    return told


def told_read_back(output: TextComposed) -> str:
    """What OCR reads there: `exact`, or the words, or `not_checked` where it does not know the script."""
    if output.read_back is None:
        return "not_checked"
    return "exact" if output.exact else f"read as: {output.read_back}"
