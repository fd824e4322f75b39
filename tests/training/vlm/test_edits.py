"""Our tools are described as the orchestrator offers them, and edits are judged by picture and by words."""

import json
from random import Random

import pytest

from orchestrator.tools.edit_image import EditImageTool
from orchestrator.tools.generate_image import GenerateImageTool
from orchestrator.tools.read_text import ReadTextTool
from services.vlm.engine import Answer, Outcome
from services.vlm.output import CallPiece
from training.phrasings.tool_schemas import edit_image_schema, generate_image_schema, read_text_schema
from training.vlm.evaluate_calls import SETS
from training.vlm.evaluate_edits import conversation_of, judge_edit

ROWS = json.loads((SETS / "edits.json").read_text(encoding="utf-8"))
OUTCOME = Outcome("stop", 0, 0, 0)
EDITS = [row for row in ROWS if row["image"]]


def answered(*called: tuple[str, dict[str, str]]) -> Answer:
    pieces = [CallPiece(f"call_{at}", name, json.dumps(arguments)) for at, (name, arguments) in enumerate(called)]
    return Answer(OUTCOME, "", pieces)


def edit(image: str, prompt: str) -> tuple[str, dict[str, str]]:
    return "edit_image", {"image": image, "prompt": prompt}


def test_our_tools_are_described_as_the_orchestrator_describes_them():
    ours = (
        (GenerateImageTool, generate_image_schema()),
        (ReadTextTool, read_text_schema(["image_1"])),
        (EditImageTool, edit_image_schema(["image_1"])),
    )
    for tool, schema in ours:
        function = schema["function"]
        assert (tool.name, tool.description) == (function["name"], function["description"])
        assert set(tool.arguments.model_fields) == set(function["parameters"]["properties"])
        required = {name for name, field in tool.arguments.model_fields.items() if field.is_required()}
        assert required == set(function["parameters"]["required"])


def test_every_row_has_its_pictures_before_the_message():
    for row in ROWS:
        chat = conversation_of(row, Random(1))
        assert chat.handles == [f"image_{number}" for number in range(1, len(row["drawn"]) + 1)]
        assert len(chat.pictures) == len(row["drawn"])
        assert chat.messages[-1]["content"][-1] == {"type": "text", "text": row["message"]}
        assert row["image"] in ("", *chat.handles)


@pytest.mark.parametrize("row", EDITS, ids=lambda row: row["message"])
def test_a_row_can_be_got_right_and_what_was_drawn_before_is_not_right(row):
    right = judge_edit(row, answered(edit(row["image"], " ".join(row["says"]))))
    assert (right["tool"], right["which"], right["exact"]) == (True, True, True)
    drawn = row["drawn"][int(row["image"].removeprefix("image_")) - 1]
    unchanged = judge_edit(row, answered(edit(row["image"], drawn)))
    assert (unchanged["which"], unchanged["exact"]) == (True, False)


def test_another_picture_another_tool_and_a_second_call_are_wrong():
    row = next(row for row in EDITS if len(row["drawn"]) == 2)
    words = " ".join(row["says"])
    other = next(handle for handle in ("image_1", "image_2") if handle != row["image"])
    judged = judge_edit(row, answered(edit(other, words)))
    assert (judged["tool"], judged["which"], judged["exact"]) == (True, False, False)
    once, drawing = edit(row["image"], words), ("generate_image", {"prompt": words})
    for wrong in (answered(drawing), answered(once, once), answered()):
        judged = judge_edit(row, wrong)
        assert (judged["tool"], judged["which"], judged["exact"]) == (False, False, False)


def test_words_that_shall_be_gone_make_a_prompt_wrong_and_parts_of_words_do_not_count():
    row = {"image": "image_1", "says": ["cat", "night"], "lacks": ["beach"]}
    prompts = {
        "a cat at night": True,
        "A CAT, night": True,
        "a cat on the beach at night": False,
        "cats at night": False,
    }
    assert {prompt: judge_edit(row, answered(edit("image_1", prompt)))["exact"] for prompt in prompts} == prompts
