"""What the VLM is told of a reading: numbered lines, and tables beside them where there are some and they fit."""

import json

import pytest

from orchestrator.conversation import Conversation, TextPart
from orchestrator.tools.base import Outcome, PaintingOptions, ToolContext
from orchestrator.tools.read_text import ReadTextArguments, ReadTextTool
from shared.events import JobFinished
from shared.text_jobs import TextLine, TextRead, TextWord
from tests.conftest import png


def line(top: float, *cells: str) -> TextLine:
    words = tuple(
        TextWord(text=text, box=(200.0 * at, top, 200.0 * at + 40, top + 20), confidence=0.9)
        for at, text in enumerate(cells)
    )
    box = (0, top, words[-1].box[2], top + 20)
    return TextLine(text=" ".join(cells), box=box, confidence=0.9, words=words)


ORDER = TextRead(
    lines=(line(0, "Order"), line(30, "Item", "Price"), line(60, "Seal", "0.40")),
    width=400,
    height=100,
    engine="an engine",
    seconds=0.1,
)


class Reading:
    """A dispatcher whose jobs are done at once."""

    async def run(self, job):
        yield JobFinished(job_id=job.id, output=ORDER)


@pytest.fixture
def told(store, links):
    async def told(chars):
        conversation = Conversation(store, max_images=4)
        conversation.add_user([conversation.add_image(store.put(png(), "image/png")), TextPart(text="please")])
        context = ToolContext(
            conversation=conversation,
            dispatcher=Reading(),
            links=links,
            options=PaintingOptions(),
            owner="local",
            job_s=10,
            result_chars=chars,
        )
        happenings = [each async for each in ReadTextTool().run(context, ReadTextArguments(image="image_1"))]
        outcome = happenings[-1]
        assert isinstance(outcome, Outcome)
        return json.loads(outcome.as_result("c").output)

    return told


async def test_tables_come_as_markdown_beside_the_lines(told):
    result = await told(6000)
    assert result["content"] == "1: Order\n2: Item Price\n3: Seal 0.40"
    assert result["tables"] == ["| Item | Price |\n| --- | --- |\n| Seal | 0.40 |"]


async def test_tables_that_are_too_long_are_left_out(told):
    assert "tables" not in await told(40)
