"""Measures whether a picture of the conversation is edited when somebody wants it changed: which one, and into what.

Knows conversations written by hand, apart from all that training makes. Does not know how the model is run.
"""

import json
import re
from random import Random
from typing import Any

from services.vlm.engine import Answer
from training.intervals import Figure, proportion
from training.phrasings.tool_schemas import (
    EDIT_IMAGE,
    GENERATE_IMAGE,
    edit_image_schema,
    generate_image_schema,
    read_text_schema,
)
from training.vlm.asking import SEED, Asker, save
from training.vlm.chat import Conversation, calls, result, says, user_says
from training.vlm.evaluate_calls import SETS


def conversation_of(row: dict[str, Any], rng: Random) -> Conversation:
    """The pictures of a row, drawn one after the other, and then the message that may want one changed."""
    chat = Conversation()
    for prompt in row["drawn"]:
        user_says(chat, f"draw {prompt}", [], rng)
        calls(chat, (GENERATE_IMAGE, {"prompt": prompt}))
        handle = chat.new_handle()
        chat.unseen.append(handle)
        result(chat, {"image": handle, "width": 128, "height": 128, "seed": rng.randrange(1000)})
        says(chat, "Here is your picture.")
    user_says(chat, row["message"], [], rng)
    chat.tools = [generate_image_schema(), read_text_schema(chat.handles), edit_image_schema(chat.handles)]
    return chat


def _has(words: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text.lower()) is not None


def judge_edit(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Whether just one edit is called for, of which picture, and whether its prompt says all that shall be there.

    "prompt": all words that the row wants are said, and none of what shall be gone: the painter would paint it.
    """
    got = [(call.name, json.loads(call.arguments)) for call in answer.calls]
    tool = [name for name, _ in got] == [EDIT_IMAGE]
    arguments = got[0][1] if tool else {}
    prompt = arguments.get("prompt", "")
    image = tool and arguments["image"] == row["image"]
    said = all(_has(words, prompt) for words in row["says"]) and not any(_has(words, prompt) for words in row["lacks"])
    return row | {"got": got, "text": answer.text, "tool": tool, "which": image, "exact": image and said}


def evaluate_edits(asker: Asker) -> dict[str, Figure]:
    """Figures of the edits written by hand, and of messages after a picture that want only words."""
    rng = Random(SEED + 7)
    rows = json.loads((SETS / "edits.json").read_text(encoding="utf-8"))
    judged = [judge_edit(row, asker.go_on(conversation_of(row, rng))) for row in rows]
    edits, talk = [each for each in judged if each["image"]], [each for each in judged if not each["image"]]
    save("edits", [each for each in edits if not each["exact"]] + [each for each in talk if each["got"]])
    parts = {"edit called": "tool", "edit called, of the right picture": "which", "picture and prompt right": "exact"}
    figures = {name: proportion(sum(each[key] for each in edits), len(edits)) for name, key in parts.items()}
    return figures | {"no edit wanted: answered in words": proportion(sum(not e["got"] for e in talk), len(talk))}
